//! The token endpoint for systems: SMART Backend Services, a signed client assertion (RFC 7523) for an access token of five minutes.

use crate::gate::Gate;
use axum::Form;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use badiano_kernel::Instant;
use badiano_record::clients::Client;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde::Deserialize;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// An assertion that is good for longer is refused (SMART Backend Services: five minutes).
const ASSERTION_SECONDS_MAX: i64 = 300;

#[derive(Deserialize)]
pub struct TokenRequest {
    grant_type: Option<String>,
    scope: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
}

#[derive(Deserialize)]
struct Assertion {
    iss: String,
    sub: String,
    exp: i64,
    jti: String,
}

/// RFC 6749 section 5.
pub async fn token(State(gate): State<Gate>, Form(request): Form<TokenRequest>) -> Response {
    match issue(&gate, request).await {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body)
            .into_response(),
        Err(error) => refuse(error),
    }
}

async fn issue(gate: &Gate, request: TokenRequest) -> Result<String, &'static str> {
    if request.grant_type.as_deref() != Some("client_credentials") {
        return Err("unsupported_grant_type");
    }
    if request.client_assertion_type.as_deref() != Some(ASSERTION_TYPE) {
        return Err("invalid_client");
    }
    let now = Instant::now();
    let assertion = request.client_assertion.ok_or("invalid_client")?;
    let client = check(gate, &assertion, now)?;
    let wanted = request.scope.unwrap_or_default();
    let granted: Vec<String> = wanted
        .split_whitespace()
        .filter(|s| client.scopes.iter().any(|c| c == s))
        .map(str::to_owned)
        .collect();
    if granted.is_empty() {
        return Err("invalid_scope");
    }
    let token = gate
        .node
        .open_system_token(&client.id, &client.name, &granted, now)
        .await
        .map_err(|_| "temporarily_unavailable")?;
    let body = serde_json::json!({ "access_token": token, "token_type": "bearer", "expires_in": 300, "scope": granted.join(" ") });
    Ok(body.to_string())
}

fn check(gate: &Gate, assertion: &str, now: Instant) -> Result<Client, &'static str> {
    let head = decode_header(assertion).map_err(|_| "invalid_client")?;
    if !matches!(head.alg, Algorithm::RS384 | Algorithm::ES384 | Algorithm::RS256 | Algorithm::ES256) {
        return Err("invalid_client");
    }
    // Read without trust, only to learn whose key to check with.
    let claimed = jsonwebtoken::dangerous::insecure_decode::<Assertion>(assertion)
        .map_err(|_| "invalid_client")?
        .claims;
    let client =
        gate.node.client(&claimed.iss).map_err(|_| "temporarily_unavailable")?.ok_or("invalid_client")?;
    let keys: JwkSet = serde_json::from_str(&client.jwks).map_err(|_| "invalid_client")?;
    let mut validation = Validation::new(head.alg);
    validation.set_audience(&[
        format!("{}/oauth/token", gate.options.address),
        format!("{}/oauth/token", gate.options.pages),
    ]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    let fits = |k: &&jsonwebtoken::jwk::Jwk| head.kid.is_none() || k.common.key_id == head.kid;
    let opened = keys.keys.iter().filter(fits).find_map(|jwk| {
        let key = DecodingKey::from_jwk(jwk).ok()?;
        decode::<Assertion>(assertion, &key, &validation).ok()
    });
    let claims = opened.ok_or("invalid_client")?.claims;
    let sound = claims.iss == claims.sub && claims.exp - now.seconds() <= ASSERTION_SECONDS_MAX;
    if !sound || !gate.node.first_use(&claims.iss, &claims.jti, now) {
        return Err("invalid_client");
    }
    Ok(client)
}

fn refuse(error: &str) -> Response {
    let status = if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
    let body = serde_json::json!({ "error": error }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body)
        .into_response()
}

/// SMART App Launch 2, conformance: what the token endpoint offers.
pub async fn smart_configuration(State(gate): State<Gate>) -> Response {
    let base = &gate.options.address;
    let body = serde_json::json!({
        "issuer": base,
        "token_endpoint": format!("{base}/oauth/token"),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "scopes_supported": ["system/*.rs", "system/*.cruds"],
        "capabilities": ["client-confidential-asymmetric", "permission-v2"]
    });
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
