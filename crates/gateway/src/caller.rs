//! Who calls: from the connection's certificate, a bearer token or the browser's cookie, and for whom; nothing else makes a principal.

use crate::gate::Gate;
use crate::refusals::MadeOut;
use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use badiano_exchange::on_behalf::{HEADER, OnBehalf};
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_record::Session;
use badiano_record::apps::Grant;
use badiano_record::emergency::Emergency;
use badiano_record::operate::OPERATE;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use ring::digest::{SHA256, digest};
use std::net::SocketAddr;
use std::sync::Arc;

/// Header, and parameter of a link, by which a citizen says in whose place they act: the id of a representation, which tells nothing.
pub const IN_PLACE_OF: &str = "x-badiano-in-place-of";

/// What the connection itself shows; put into every request by the listener.
#[derive(Debug, Clone)]
pub struct Connection {
    pub remote: SocketAddr,
    /// The client's certificate; TLS has made sure that the client has its key.
    pub certificate: Option<Certificate>,
    pub is_tls: bool,
    /// Came through the operator's door: the user of the machine who owns the data directory, or root.
    pub operator: Option<u32>,
}

/// A certificate that the client has shown, with the key that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    pub der: Vec<u8>,
    /// Signed by the authority of the nodes, in time and not revoked. Any other certificate makes no principal: it only shows
    /// that a token is in the hands that it was given to.
    pub of_authority: bool,
}

impl Certificate {
    /// `x5t#S256` (RFC 8705, section 3.1).
    pub fn thumbprint(&self) -> String {
        BASE64URL.encode(digest(&SHA256, &self.der))
    }
}

/// A caller who has been made out.
#[derive(Clone)]
pub struct Caller {
    pub gate: Gate,
    /// Scheme and host that the caller reached this node by: what links in answers begin with.
    pub base: String,
    pub principal: Principal,
    pub purpose: Purpose,
    /// The app that acts for the principal.
    pub app: Option<Arc<Grant>>,
    /// What makes the purpose one of emergency.
    pub emergency: Option<Emergency>,
    /// CURP of the person a node asks about, when it asks for somebody.
    pub person: Option<String>,
    /// The anti-forgery token of the browser's session; none for tokens and certificates.
    pub csrf: Option<String>,
    /// The cookie or token itself, for signing out.
    pub token: Option<String>,
    pub now: Instant,
}

impl Caller {
    pub fn session(&self) -> Session {
        let session = self.gate.node.session(self.principal.clone(), self.purpose, self.now);
        let session = match &self.app {
            Some(app) => session.through(app.clone()),
            None => session,
        };
        match &self.emergency {
            Some(emergency) => session.in_emergency(emergency.clone()),
            None => session,
        }
    }

    /// The same caller for another purpose that a door has checked.
    #[must_use]
    pub fn for_purpose(mut self, purpose: Purpose, emergency: Option<Emergency>) -> Self {
        self.purpose = purpose;
        self.emergency = emergency;
        self
    }

    /// Makes out who calls, from what the request carries.
    pub fn of(gate: &Gate, parts: &Parts) -> Result<Caller, Fault> {
        let now = Instant::now();
        let connection = parts.extensions.get::<Connection>();
        let connection = connection.ok_or_else(|| Fault::bug("the listener names the connection"))?;
        if let Some(user) = connection.operator {
            return Ok(of_operator(gate, user, now));
        }
        let bearer = bearer(&parts.headers);
        let of_authority = connection.certificate.as_ref().filter(|c| c.of_authority && bearer.is_none());
        if let Some(certificate) = of_authority {
            return of_node(gate, &parts.headers, &certificate.der, now);
        }
        let cookie = cookie(&parts.headers, &gate.cookie_name());
        let by_cookie = bearer.is_none();
        let token = bearer
            .or(cookie)
            .ok_or_else(|| Fault::unauthenticated("sign in, or show a token or certificate"))?;
        let signed_in = gate.node.signed_in(&token, now)?;
        let signed_in =
            signed_in.ok_or_else(|| Fault::unauthenticated("the sign-in or token has run out"))?;
        if signed_in.loopback_only && !connection.remote.ip().to_canonical().is_loopback() {
            return Err(Fault::unauthenticated("this token is taken from this machine only"));
        }
        if let Some(bound) = &signed_in.certificate
            && connection.certificate.as_ref().map(Certificate::thumbprint).as_ref() != Some(bound)
        {
            return Err(Fault::unauthenticated(
                "this token is bound to a certificate (RFC 8705): connect with that one",
            ));
        }
        if signed_in.app.is_some() && !parts.uri.path().starts_with("/fhir") {
            return Err(Fault::forbidden("the token of an app opens FHIR alone"));
        }
        let purpose = match &signed_in.principal {
            Principal::Citizen { .. } => Purpose::PatientRequest,
            _ => Purpose::Treatment,
        };
        if by_cookie {
            // Known from here on: a forged request is refused in the name of whose browser sent it.
            leave(parts, || gate.node.session(signed_in.principal.clone(), purpose, now));
            check_forgery(parts, &signed_in.csrf)?;
        }
        let principal = match in_place(parts) {
            Some(representation) => gate.node.in_place_of(&signed_in.principal, &representation, now)?,
            None => signed_in.principal,
        };
        Ok(Caller {
            gate: gate.clone(),
            base: gate.options.address.clone(),
            principal,
            purpose,
            app: signed_in.app,
            emergency: None,
            person: None,
            csrf: by_cookie.then_some(signed_in.csrf),
            token: Some(token),
            now,
        })
    }
}

/// The operator administers the node and reads nothing clinical.
fn of_operator(gate: &Gate, user: u32, now: Instant) -> Caller {
    let principal = Principal::System {
        client_id: "operator".to_owned(),
        name: format!("operator of the machine, user {user}"),
        institution: gate.node.settings().clues.clone(),
        scopes: vec!["badiano/admin".to_owned(), OPERATE.to_owned()],
    };
    Caller {
        gate: gate.clone(),
        base: gate.options.address.clone(),
        principal,
        purpose: Purpose::Operations,
        app: None,
        emergency: None,
        person: None,
        csrf: None,
        token: None,
        now,
    }
}

fn of_node(gate: &Gate, headers: &HeaderMap, certificate: &[u8], now: Instant) -> Result<Caller, Fault> {
    let node = gate.node.node_principal(certificate)?;
    let mut caller = Caller {
        gate: gate.clone(),
        base: gate.options.address.clone(),
        principal: node,
        purpose: Purpose::Operations,
        app: None,
        emergency: None,
        person: None,
        csrf: None,
        token: None,
        now,
    };
    let Some(header) = headers.get(HEADER) else { return Ok(caller) };
    let header = header.to_str().map_err(|_| Fault::invalid("a header is not text"))?;
    let for_whom = OnBehalf::parse(header)?;
    caller.purpose = for_whom.purpose()?;
    caller.emergency = for_whom.emergency()?;
    caller.person = Some(for_whom.person.clone());
    if let Some(staff) = for_whom.staff() {
        caller.principal = gate.node.on_behalf(caller.principal, staff)?;
    } else if caller.purpose == Purpose::PatientRequest {
        let in_place = for_whom.in_place.clone();
        caller.principal =
            gate.node.for_citizen(&caller.principal, &for_whom.person, &for_whom.name, in_place)?;
    } else {
        return Err(Fault::forbidden("a request for nobody has no such purpose"));
    }
    Ok(caller)
}

/// For the log, should the door refuse.
fn leave(parts: &Parts, session: impl FnOnce() -> Session) {
    if let Some(made_out) = parts.extensions.get::<MadeOut>() {
        made_out.put(session());
    }
}

/// The representation by which a citizen acts in another's place. A link (of an image) has no header and names it in its query.
fn in_place(parts: &Parts) -> Option<String> {
    let named = parts.headers.get(IN_PLACE_OF).and_then(|h| h.to_str().ok()).map(str::to_owned);
    named.or_else(|| {
        let pairs = crate::fhir_rest::form::pairs(parts.uri.query().unwrap_or_default());
        pairs.into_iter().find(|(name, _)| name == IN_PLACE_OF).map(|(_, id)| id)
    })
}

/// A browser sends its cookie by itself; only our own pages know the token that must come with a change.
fn check_forgery(parts: &Parts, csrf: &str) -> Result<(), Fault> {
    if matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let shown = parts.headers.get("x-csrf-token").and_then(|h| h.to_str().ok()).unwrap_or_default();
    let same =
        shown.len() == csrf.len() && shown.bytes().zip(csrf.bytes()).fold(0, |d, (a, b)| d | (a ^ b)) == 0;
    if same {
        Ok(())
    } else {
        Err(Fault::forbidden("the request does not come from our own page (X-CSRF-Token)"))
    }
}

/// Links lead back over the door that was used: a program on this machine that came over plain HTTP goes on so. Any other name
/// in a request is not believed.
fn base_of(parts: &Parts, gate: &Gate) -> String {
    let is_plain = parts.extensions.get::<Connection>().is_some_and(|c| !c.is_tls);
    let host = parts.headers.get(HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if is_plain && matches!(name, "localhost" | "127.0.0.1" | "[::1]") {
        format!("http://{host}")
    } else {
        gate.options.address.clone()
    }
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// The value of one cookie.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(COOKIE).iter().filter_map(|h| h.to_str().ok());
    all.flat_map(|h| h.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(n, _)| *n == name)
        .map(|(_, v)| v.to_owned())
}

impl FromRequestParts<Gate> for Caller {
    type Rejection = crate::reply::Refusal;

    async fn from_request_parts(parts: &mut Parts, gate: &Gate) -> Result<Self, Self::Rejection> {
        let caller = Caller::of(gate, parts).map_err(|fault| crate::reply::Refusal::of(parts, fault))?;
        let caller = Caller { base: base_of(parts, gate), ..caller };
        leave(parts, || caller.session());
        Ok(caller)
    }
}
