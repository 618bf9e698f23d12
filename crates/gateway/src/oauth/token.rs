//! The token endpoint for systems: SMART Backend Services, a signed client assertion (RFC 7523) for an access token of five minutes,
//! bound to the certificate of the connection (RFC 8705, section 3), or to this machine where the door is plain HTTP on loopback.

use crate::caller::Connection;
use crate::gate::Gate;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Form};
use badiano_kernel::{FaultKind, Instant};
use badiano_record::accounts::{Bound, SYSTEM_TOKEN_SECONDS};
use badiano_record::clients::Client;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde::Deserialize;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// An assertion that is good for longer is refused (SMART Backend Services: five minutes).
const ASSERTION_SECONDS_MAX: i64 = 300;

#[derive(Deserialize)]
pub struct TokenRequest {
    pub(super) grant_type: Option<String>,
    scope: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) code: Option<String>,
    pub(super) code_verifier: Option<String>,
    pub(super) redirect_uri: Option<String>,
    pub(super) refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct Assertion {
    iss: String,
    sub: String,
    exp: i64,
    jti: String,
}

/// Why no token is given (RFC 6749, section 5.2).
pub(super) struct Refused {
    error: &'static str,
    why: &'static str,
}

pub(super) const fn refused(error: &'static str, why: &'static str) -> Refused {
    Refused { error, why }
}

/// RFC 6749 section 5.
pub async fn token(
    State(gate): State<Gate>,
    Extension(connection): Extension<Connection>,
    Form(request): Form<TokenRequest>,
) -> Response {
    let given = match request.grant_type.as_deref() {
        Some("authorization_code" | "refresh_token") => super::apps::tokens(&gate, &request).await,
        _ => issue(&gate, &connection, request).await,
    };
    match given {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body)
            .into_response(),
        Err(refused) => refuse(&refused),
    }
}

async fn issue(gate: &Gate, connection: &Connection, request: TokenRequest) -> Result<String, Refused> {
    if request.grant_type.as_deref() != Some("client_credentials") {
        return Err(refused(
            "unsupported_grant_type",
            "this endpoint knows client_credentials, authorization_code and refresh_token",
        ));
    }
    if request.client_assertion_type.as_deref() != Some(ASSERTION_TYPE) {
        return Err(refused("invalid_client", "the client shows a signed assertion (private_key_jwt)"));
    }
    let now = Instant::now();
    let assertion =
        request.client_assertion.ok_or(refused("invalid_client", "there is no client_assertion"))?;
    let bound = binding(connection)?;
    let (client, claims) = check(gate, &assertion, now)?;
    let granted: Vec<String> = request
        .scope
        .unwrap_or_default()
        .split_whitespace()
        .filter(|s| client.scopes.iter().any(|c| c == s))
        .map(str::to_owned)
        .collect();
    if granted.is_empty() {
        return Err(refused("invalid_scope", "the system is registered for none of these scopes"));
    }
    let away = |_| refused("temporarily_unavailable", "tokens cannot be kept now");
    gate.node.use_assertion(&claims.iss, &claims.jti, claims.exp, now).await.map_err(|f| match f.kind {
        FaultKind::Conflict => refused("invalid_client", "the assertion was used already"),
        _ => away(f),
    })?;
    let token = gate.node.open_system_token(&client.id, &granted, bound, now).await.map_err(away)?;
    let body = serde_json::json!({
        "access_token": token,
        "token_type": "bearer",
        "expires_in": SYSTEM_TOKEN_SECONDS,
        "scope": granted.join(" ")
    });
    Ok(body.to_string())
}

/// Every token of a system is bound: over TLS to the client's certificate, over plain HTTP on loopback to this machine.
fn binding(connection: &Connection) -> Result<Bound, Refused> {
    match &connection.certificate {
        Some(certificate) => Ok(Bound::Certificate(certificate.thumbprint())),
        None if connection.is_tls => Err(refused(
            "invalid_client",
            "a token is bound to the client's certificate (RFC 8705): connect with one",
        )),
        None => Ok(Bound::Loopback),
    }
}

fn check(gate: &Gate, assertion: &str, now: Instant) -> Result<(Client, Assertion), Refused> {
    let unread = refused("invalid_client", "the assertion cannot be read");
    let Ok(head) = decode_header(assertion) else { return Err(unread) };
    if !matches!(head.alg, Algorithm::RS384 | Algorithm::ES384 | Algorithm::RS256 | Algorithm::ES256) {
        return Err(refused("invalid_client", "assertions are signed with RS384 or ES384"));
    }
    // Read without trust, only to learn whose key to check with.
    let Ok(claimed) = jsonwebtoken::dangerous::insecure_decode::<Assertion>(assertion) else {
        return Err(unread);
    };
    let away = |_| refused("temporarily_unavailable", "registrations cannot be read now");
    // An unknown system hears what a forged assertion hears.
    let unproven = refused("invalid_client", "the assertion is not signed by a key of this system for us");
    let client = gate.node.client(&claimed.claims.iss).map_err(away)?;
    let Some(client) = client else { return Err(unproven) };
    let Ok(keys) = serde_json::from_str::<JwkSet>(&client.jwks) else { return Err(unproven) };
    let mut validation = Validation::new(head.alg);
    validation.set_audience(&[
        format!("{}/oauth/token", gate.options.address),
        format!("{}/oauth/token", gate.options.pages),
    ]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    validation.validate_nbf = true;
    let fits = |k: &&jsonwebtoken::jwk::Jwk| head.kid.is_none() || k.common.key_id == head.kid;
    let opened = keys.keys.iter().filter(fits).find_map(|jwk| {
        let key = DecodingKey::from_jwk(jwk).ok()?;
        decode::<Assertion>(assertion, &key, &validation).ok()
    });
    let Some(claims) = opened.map(|o| o.claims) else { return Err(unproven) };
    if claims.iss != claims.sub || claims.jti.is_empty() {
        return Err(refused("invalid_client", "iss and sub are both the system's id, and jti is not empty"));
    }
    if claims.exp - now.seconds() > ASSERTION_SECONDS_MAX {
        return Err(refused("invalid_client", "an assertion is good for five minutes at most"));
    }
    Ok((client, claims))
}

fn refuse(refused: &Refused) -> Response {
    let status = match refused.error {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    let body = serde_json::json!({ "error": refused.error, "error_description": refused.why }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body)
        .into_response()
}

/// SMART App Launch 2, conformance: what the authorization and token endpoints offer.
pub async fn smart_configuration(State(gate): State<Gate>) -> Response {
    let base = &gate.options.address;
    let body = serde_json::json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/oauth/authorize"),
        "token_endpoint": format!("{base}/oauth/token"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "tls_client_certificate_bound_access_tokens": true,
        "scopes_supported": ["patient/*.cruds", "user/*.cruds", "system/*.cruds", "launch/patient", "online_access"],
        "capabilities": [
            "launch-standalone", "client-public", "client-confidential-asymmetric", "context-standalone-patient",
            "context-banner", "permission-online", "permission-patient", "permission-user", "permission-v1", "permission-v2"
        ]
    });
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
