//! Who asks, over which connection, and what came back, to the last byte.

use crate::world::{Place, World};
use axum::http::{HeaderMap, Method};
use badiano_exchange::on_behalf::{HEADER, OnBehalf};
use badiano_kernel::principal::{Role, Staff};
use badiano_kernel::{Instant, Purpose};
use badiano_record::NodeRole;
use badiano_record::accounts::totp_at;
use badiano_record::authority::Identity;
use badiano_record::emergency::Emergency;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How the log names whom it does not know.
const STRANGER: &str = "job door";

/// A caller with what they show.
pub struct Asker {
    pub name: String,
    headers: HeaderMap,
    client: reqwest::Client,
    over: Over,
    /// Now's code of the second factor, where the caller has one.
    pub totp: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Plain,
    Tls,
    Operator,
}

/// A request body and its type.
#[derive(Clone, Default)]
pub struct Sent {
    pub kind: String,
    pub bytes: Vec<u8>,
}

pub struct Answer {
    pub status: u16,
    pub kind: String,
    /// Status line, headers and body as text, for searching.
    pub whole: String,
    pub body: Vec<u8>,
}

impl Asker {
    fn new(name: &str, client: reqwest::Client, over: Over) -> Asker {
        Asker { name: name.to_owned(), headers: HeaderMap::new(), client, over, totp: String::new() }
    }

    pub fn with(mut self, header: &'static str, value: &str) -> Asker {
        self.headers.insert(header, value.parse().expect("a header"));
        self
    }

    pub async fn ask(&self, place: &Place, method: &Method, path: &str, sent: &Sent) -> Answer {
        let base = match self.over {
            Over::Plain => format!("http://{}", place.http),
            Over::Tls => format!("https://localhost:{}", place.https.port()),
            Over::Operator => "http://localhost".to_owned(),
        };
        let mut request = self.client.request(method.clone(), format!("{base}{path}"));
        request = request.headers(self.headers.clone()).header("accept-language", "en");
        if !sent.kind.is_empty() {
            request = request.header("content-type", &sent.kind).body(sent.bytes.clone());
        }
        let answer = request.send().await.unwrap_or_else(|e| panic!("{method} {path}: {e}"));
        let (status, headers) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
        let kind = answer.headers().get("content-type").and_then(|h| h.to_str().ok()).unwrap_or_default();
        let kind = kind.to_owned();
        let body = answer.bytes().await.unwrap_or_else(|e| panic!("{method} {path}: {e}")).to_vec();
        let whole = format!("{status} {headers}\n{}", String::from_utf8_lossy(&body));
        Answer { status, kind, whole, body }
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none())
}

fn plain(name: &str) -> Asker {
    Asker::new(name, builder().build().expect("a client"), Over::Plain)
}

/// With a bearer token alone.
pub fn bearer(token: &str) -> Asker {
    plain("bearer").with("authorization", &format!("Bearer {token}"))
}

/// Over TLS with a certificate; the server is checked by `authority`.
fn with_certificate(name: &str, certificate: &str, key: &str, authority: &str) -> Asker {
    let mut roots = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        roots.add(root.expect("PEM")).expect("a root");
    }
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).map(|c| c.expect("PEM")).collect();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .expect("a client certificate");
    let client = builder().tls_backend_preconfigured(config).build().expect("a client");
    Asker::new(name, client, Over::Tls)
}

fn of_identity(name: &str, identity: &Identity) -> Asker {
    with_certificate(name, &identity.certificate, &identity.key, &identity.authority)
}

impl World {
    /// Nobody, and those who only seem to be somebody.
    pub async fn strangers(&self, place: &Place) -> Vec<(&'static str, Asker)> {
        let elsewhere = if place.clues == self.hub.clues { &self.norte } else { &self.hub };
        let scopes = ["system/*.cruds".to_owned(), "badiano/admin".to_owned()];
        let foreign = elsewhere.node.open_script_token("x", "x", &scopes, 3600, Instant::now());
        let foreign = format!("Bearer {}", foreign.await.expect("a token"));
        let forged = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let mut named = rcgen::CertificateParams::default();
        named.distinguished_name.push(rcgen::DnType::CommonName, self.hub.clues);
        let named = named.self_signed(&forged.signing_key).expect("a certificate");
        let forged = with_certificate(
            STRANGER,
            &named.pem(),
            &forged.signing_key.serialize_pem(),
            &place.identity.authority,
        );
        let mut all = vec![
            ("nobody", plain(STRANGER)),
            ("a made-up token", plain(STRANGER).with("authorization", "Bearer made-up")),
            ("a token of another institution", plain(STRANGER).with("authorization", &foreign)),
            ("a certificate of no authority", forged),
        ];
        if place.clues == self.norte.clues {
            all.push(("a listed institution that is not the hub", of_identity(STRANGER, &self.sur)));
        }
        all
    }

    /// Callers who are known, and may not do this.
    pub async fn narrow(&self, place: &Place) -> Vec<(&'static str, Asker)> {
        let idle = self.staff_cookie(place, &[]).await;
        let citizen = self.citizen(place, &self.other_curp()).await;
        let system = self.scripts(place, &["system/Organization.rs"]).await;
        let mut all = vec![
            ("an account of no role", idle),
            ("a citizen who is not the patient", citizen),
            ("a system whose scopes name another type", system),
        ];
        if place.clues == self.hub.clues {
            all.push(("a node for itself", of_identity(&format!("Nodo {}", crate::world::SUR), &self.sur)));
        }
        all
    }

    /// Everybody's rights, and a browser that was led here by a foreign page.
    pub async fn forged(&self, place: &Place) -> Vec<(&'static str, Asker)> {
        let mut staff = self.staff_cookie(place, &Role::ALL).await;
        let mut citizen = self.citizen(place, self.curp()).await;
        staff.headers.remove("x-csrf-token");
        citizen.headers.remove("x-csrf-token");
        let mut guessed = self.staff_cookie(place, &Role::ALL).await;
        guessed.headers.insert("x-csrf-token", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".parse().expect("a header"));
        vec![
            ("staff, no CSRF token", staff),
            ("a citizen, no CSRF token", citizen),
            ("a guessed CSRF token", guessed),
        ]
    }

    /// Somebody fresh of a kind that `rightful.json` names.
    pub async fn rightful(&self, place: &Place, who: &str) -> Asker {
        match who {
            "scripts" => self.scripts(place, &["system/*.cruds"]).await,
            // The one whose jobs `rightful.rs` has made.
            "scripts-with-jobs" => {
                let scopes = ["system/*.cruds".to_owned()];
                let token = place.node.open_script_token("t", "t", &scopes, 3600, Instant::now()).await;
                plain("t").with("authorization", &format!("Bearer {}", token.expect("a token")))
            }
            "citizen" => self.citizen(place, self.curp()).await,
            "operator" => {
                let client = builder().unix_socket(place.operator.clone()).build().expect("a client");
                Asker::new("operator of the machine", client, Over::Operator)
            }
            "norte" => of_identity("Nodo NLSSA999101", &self.norte.identity),
            "hub" => of_identity("Nodo DFSSA999001", &self.hub.identity),
            "staff-of-sur" => self.on_behalf(place, Some(self.fresh("medica")), None),
            "staff-of-sur-in-an-emergency" => {
                self.on_behalf(place, Some(self.fresh("medica")), Some("inconsciente en urgencias"))
            }
            "citizen-of-hub" => self.on_behalf(place, None, None),
            role => {
                let role = Role::from_code(role).unwrap_or_else(|| panic!("rightful.json names {role}"));
                self.staff_cookie(place, &[role]).await
            }
        }
    }

    async fn scripts(&self, place: &Place, scopes: &[&str]) -> Asker {
        let name = self.fresh("guion");
        let scopes: Vec<String> = scopes.iter().map(|s| (*s).to_owned()).collect();
        let token = place.node.open_script_token(&name, &name, &scopes, 3600, Instant::now()).await;
        plain(&name).with("authorization", &format!("Bearer {}", token.expect("a token")))
    }

    pub async fn citizen(&self, place: &Place, curp: &str) -> Asker {
        let name = self.fresh("Ciudadana");
        let token = place.node.open_citizen_session(curp, &name, Instant::now()).await.expect("a session");
        self.by_cookie(place, plain(&name), &token)
    }

    async fn staff_cookie(&self, place: &Place, roles: &[Role]) -> Asker {
        let (staff, secret) = self.staff(place, roles).await;
        let token = place.node.open_session(&staff, Instant::now()).await.expect("a session");
        let mut asker = self.by_cookie(place, plain(&staff.name), &token);
        asker.totp = totp_at(&base32(&secret), Instant::now().seconds().unsigned_abs() / 30);
        asker
    }

    fn by_cookie(&self, place: &Place, asker: Asker, token: &str) -> Asker {
        let known = place.node.signed_in(token, Instant::now()).expect("read").expect("signed in");
        asker
            .with("cookie", &format!("{}={token}", place.gate.cookie_name()))
            .with("x-csrf-token", &known.csrf)
    }

    /// As one node asks another: for a clinician of Sur, or for the citizen.
    fn on_behalf(&self, place: &Place, clinician: Option<String>, emergency: Option<&str>) -> Asker {
        let at_hub = place.node.settings().role == NodeRole::Hub;
        let shown = if at_hub { &self.sur } else { &self.hub.identity };
        let (name, header) = match clinician {
            Some(name) => {
                let staff = Staff {
                    account: name.clone(),
                    name: name.clone(),
                    roles: vec![Role::Clinician],
                    institution: crate::world::SUR.into(),
                    cedula: Some("99000002".into()),
                };
                let purpose = if emergency.is_some() { Purpose::Emergency } else { Purpose::Treatment };
                let emergency = emergency.map(|reason| Emergency {
                    person: self.curp().to_owned(),
                    reason: reason.to_owned(),
                    signed_in: Instant::now(),
                    sensitive: 0,
                });
                (name, OnBehalf::of_staff(&staff, purpose, emergency.as_ref(), self.curp()))
            }
            None => {
                let name = self.fresh("Ciudadana");
                (name.clone(), OnBehalf { name, ..OnBehalf::of_citizen(self.curp()) })
            }
        };
        of_identity(&name, shown).with(HEADER, &header.to_header())
    }
}

/// RFC 4648 without padding.
fn base32(text: &str) -> Vec<u8> {
    let (mut out, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for c in text.bytes() {
        let five = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|a| *a == c).expect("base 32");
        held = held << 5 | u32::try_from(five).expect("five bits");
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits & 0xff) as u8);
        }
    }
    out
}

/// One message over a connection of its own, and its acknowledgement.
pub async fn mllp(at: SocketAddr, message: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(at).await.expect("a connection");
    stream.write_all(&[&[0x0b], message, &[0x1c, 0x0d]].concat()).await.expect("sent");
    let (mut answer, mut buffer) = (Vec::new(), [0_u8; 4096]);
    while !answer.ends_with(&[0x1c, 0x0d]) {
        match stream.read(&mut buffer).await.expect("an answer") {
            0 => break,
            n => answer.extend_from_slice(&buffer[..n]),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}
