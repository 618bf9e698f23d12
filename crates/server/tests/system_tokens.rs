//! Tokens of systems (SMART Backend Services, RFC 7523) bound to certificates (RFC 8705), over real TLS.

use crate::place::{Place, Running, answer_of, client};
use crate::secure::{Own, authority, get, self_signed, tls};
use badiano_kernel::Instant;
use badiano_record::NodeRole;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PublicKeyData};
use serde_json::{Value, json};

const CLUES: &str = "NLSSA999101";
const SYSTEM: &str = "laboratorio";
const PATIENTS: &str = "/fhir/Patient";

/// A node with one registered system.
struct Scene {
    place: Place,
    running: Running,
    authority: String,
    key: KeyPair,
}

async fn scene() -> Scene {
    let place = Place::new(NodeRole::Hospital, CLUES);
    let running = place.start();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
    let scene = Scene { authority: authority(&place).await, place, running, key };
    scene.register(SYSTEM, &scene.key, true).await;
    scene
}

impl Scene {
    async fn register(&self, id: &str, key: &KeyPair, expected: bool) {
        let jwks = json!({ "keys": [jwk(key)] }).to_string();
        let system =
            json!({ "id": id, "name": "Laboratorio", "jwks": jwks, "scopes": ["system/Patient.rs"] });
        let (status, answer) = self.place.operator("PUT", "/api/admin/systems", Some(system)).await;
        assert_eq!(status == 200, expected, "{answer}");
    }

    fn endpoint(&self) -> String {
        format!("https://localhost:{}/oauth/token", self.place.https)
    }

    fn claims(&self) -> Value {
        let jti = badiano_kernel::id::random_uuid();
        json!({ "iss": SYSTEM, "sub": SYSTEM, "aud": self.endpoint(), "exp": now() + 240, "jti": jti })
    }

    /// Asks for a token with an assertion, over a connection with or without a certificate.
    async fn ask(&self, assertion: &str, own: Option<&Own>) -> (u16, Value) {
        let url = format!("https://127.0.0.1:{}/oauth/token", self.place.https);
        answer_of(request(tls(&self.authority, own).post(url), assertion, "system/Patient.rs")).await
    }

    async fn token(&self, own: &Own) -> String {
        let (status, answer) = self.ask(&sign(&self.claims(), &self.key), Some(own)).await;
        assert_eq!((status, &answer["token_type"]), (200, &json!("bearer")), "{answer}");
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    async fn refused(&self, claims: Value, why: &str) {
        let own = self_signed("cliente");
        let (status, answer) = self.ask(&sign(&claims, &self.key), Some(&own)).await;
        assert_eq!((status, &answer["error"]), (401, &json!("invalid_client")), "{why}: {answer}");
    }
}

pub fn request(to: reqwest::RequestBuilder, assertion: &str, scope: &str) -> reqwest::RequestBuilder {
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    let form = format!(
        "grant_type=client_credentials&scope={scope}&client_assertion_type={kind}&client_assertion={assertion}"
    );
    to.header("content-type", "application/x-www-form-urlencoded").body(form)
}

fn now() -> i64 {
    Instant::now().seconds()
}

pub fn jwk(key: &KeyPair) -> Value {
    let point = key.der_bytes();
    let (x, y) = point[1..].split_at(48);
    json!({ "kty": "EC", "crv": "P-384", "alg": "ES384", "use": "sig", "x": BASE64URL.encode(x), "y": BASE64URL.encode(y) })
}

pub fn sign(claims: &Value, key: &KeyPair) -> String {
    let pem = key.serialize_pem();
    let key = EncodingKey::from_ec_pem(pem.as_bytes()).expect("a key of P-384");
    encode(&Header::new(Algorithm::ES384), claims, &key).expect("signed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_with_the_certificate_that_it_was_given_to_and_with_no_other() {
    let scene = scene().await;
    let (own, other) = (self_signed("cliente"), self_signed("cliente"));
    let token = scene.token(&own).await;
    let with = |own: Option<&Own>| tls(&scene.authority, own);
    let (status, answer) = get(&scene.place, &with(Some(&own)), PATIENTS, Some(&token)).await;
    assert_eq!(status, 200, "{answer}");
    for (client, why) in [(with(None), "no certificate"), (with(Some(&other)), "another certificate")] {
        let (status, answer) = get(&scene.place, &client, PATIENTS, Some(&token)).await;
        assert_eq!(status, 401, "{why}: {answer}");
    }
    let (status, _) = scene.place.get(PATIENTS, &token).await;
    assert_eq!(status, 401, "the door without TLS shows no certificate at all");
    let (status, _) = get(&scene.place, &with(Some(&own)), "/fhir/Observation", Some(&token)).await;
    assert_eq!(status, 403, "a token opens its scopes and no more");
    scene.running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_no_token_is_given_without_a_certificate_and_over_loopback_it_is_bound_to_the_machine() {
    let scene = scene().await;
    let (status, answer) = scene.ask(&sign(&scene.claims(), &scene.key), None).await;
    assert_eq!((status, &answer["error"]), (401, &json!("invalid_client")), "{answer}");
    let assertion = sign(&scene.claims(), &scene.key);
    let post = client().post(scene.place.url("/oauth/token"));
    let (status, answer) = answer_of(request(post, &assertion, "system/Patient.rs")).await;
    assert_eq!(status, 200, "{answer}");
    let token = answer["access_token"].as_str().expect("a token");
    assert_eq!(scene.place.get(PATIENTS, token).await.0, 200);
    scene.running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_assertion_is_refused() {
    let scene = scene().await;
    let own = self_signed("cliente");
    let foreign = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
    let (status, answer) = scene.ask(&sign(&scene.claims(), &foreign), Some(&own)).await;
    assert_eq!((status, &answer["error"]), (401, &json!("invalid_client")), "a foreign key: {answer}");
    let whole = sign(&scene.claims(), &scene.key);
    let parts: Vec<&str> = whole.split('.').collect();
    let mut claims = scene.claims();
    claims["jti"] = json!("another");
    let altered = format!("{}.{}.{}", parts[0], BASE64URL.encode(claims.to_string()), parts[2]);
    assert_eq!(scene.ask(&altered, Some(&own)).await.0, 401, "altered claims");
    let unsigned = format!("{}.{}.", BASE64URL.encode(r#"{"alg":"none"}"#), parts[1]);
    assert_eq!(scene.ask(&unsigned, Some(&own)).await.0, 401, "no signature");
    // The public key is no secret: it must not be taken as one that signs.
    let shared = EncodingKey::from_secret(&scene.key.der_bytes()[1..]);
    let hmac = encode(&Header::new(Algorithm::HS256), &scene.claims(), &shared).expect("signed");
    assert_eq!(scene.ask(&hmac, Some(&own)).await.0, 401, "signed with the public key");
    let mut unknown = scene.claims();
    (unknown["iss"], unknown["sub"]) = (json!("nadie"), json!("nadie"));
    scene.refused(unknown, "an unknown system").await;
    scene.running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_assertion_and_one_that_is_good_for_too_long_are_refused() {
    let scene = scene().await;
    let with_end = |end: i64| {
        let mut claims = scene.claims();
        claims["exp"] = json!(end);
        claims
    };
    scene.refused(with_end(now() - 180), "expired").await;
    scene.refused(with_end(now() + 3600), "good for an hour").await;
    let mut early = scene.claims();
    early["nbf"] = json!(now() + 200);
    scene.refused(early, "not yet good").await;
    let mut endless = scene.claims();
    endless.as_object_mut().expect("an object").remove("exp");
    scene.refused(endless, "without an end").await;
    scene.running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_assertion_is_refused_also_after_a_restart() {
    let scene = scene().await;
    let own = self_signed("cliente");
    let assertion = sign(&scene.claims(), &scene.key);
    assert_eq!(scene.ask(&assertion, Some(&own)).await.0, 200);
    let (status, answer) = scene.ask(&assertion, Some(&own)).await;
    assert_eq!((status, &answer["error"]), (401, &json!("invalid_client")), "{answer}");
    let Scene { place, running, authority, key } = scene;
    running.stop();
    let scene = Scene { running: place.start(), place, authority, key };
    assert_eq!(scene.ask(&assertion, Some(&own)).await.0, 401, "after a restart");
    let fresh = sign(&scene.claims(), &scene.key);
    assert_eq!(scene.ask(&fresh, Some(&own)).await.0, 200, "a new one is taken");
    scene.running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_for_another_server_or_by_another_system_is_refused() {
    let scene = scene().await;
    let mut elsewhere = scene.claims();
    elsewhere["aud"] = json!("https://otro.example/oauth/token");
    scene.refused(elsewhere, "for another server").await;
    let second = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
    scene.register("farmacia", &second, true).await;
    let mut other = scene.claims();
    (other["iss"], other["sub"]) = (json!("farmacia"), json!("farmacia"));
    scene.refused(other, "signed by one system in the name of another").await;
    let mut two = scene.claims();
    two["sub"] = json!("farmacia");
    scene.refused(two, "about another system").await;
    scene.running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_of_a_suspended_system_end_at_once() {
    let scene = scene().await;
    let own = self_signed("cliente");
    let token = scene.token(&own).await;
    let client = tls(&scene.authority, Some(&own));
    assert_eq!(get(&scene.place, &client, PATIENTS, Some(&token)).await.0, 200);
    let suspended = json!({ "id": SYSTEM, "active": false });
    let (status, _) = scene.place.operator("POST", "/api/admin/systems/active", Some(suspended)).await;
    assert_eq!(status, 200);
    assert_eq!(get(&scene.place, &client, PATIENTS, Some(&token)).await.0, 401);
    scene.refused(scene.claims(), "suspended").await;
    scene.running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_only_names_an_institution_makes_nobody_a_node() {
    let scene = scene().await;
    let impostor = tls(&scene.authority, Some(&self_signed(CLUES)));
    let (status, answer) = get(&scene.place, &impostor, PATIENTS, None).await;
    assert_eq!(status, 401, "{answer}");
    scene.running.stop();
}
