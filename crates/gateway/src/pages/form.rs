//! The form of questions and answers of the pages: small JSON bodies in, JSON or a refusal in the reader's language out.

use crate::reply::{self, Refusal};
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use badiano_kernel::{Fault, FaultKind};
use badiano_record::accounts::SignInError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest body that a page sends: a report with all its sections is far below.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// A refusal in both languages; [`in_language`] prints the one that the reader wants.
#[derive(Debug, Clone)]
pub struct Refused {
    pub status: StatusCode,
    pub code: &'static str,
    spanish: String,
    english: String,
    detail: String,
}

impl Refused {
    /// A refusal with a sentence of its own.
    pub fn saying(kind: FaultKind, code: &'static str, spanish: &str, english: &str) -> Self {
        Refused {
            status: reply::status_of(kind),
            code,
            spanish: spanish.to_owned(),
            english: english.to_owned(),
            detail: String::new(),
        }
    }

    fn to_json(&self, english: bool) -> String {
        let text = if english { &self.english } else { &self.spanish };
        let mut value = serde_json::json!({ "code": self.code, "text": text });
        if !self.detail.is_empty() {
            value["detail"] = self.detail.as_str().into();
        }
        value.to_string()
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        if fault.kind == FaultKind::Bug {
            tracing::error!(%fault, "our own mistake");
        }
        Refused {
            status: reply::status_of(fault.kind),
            code: reply::code_of(fault.kind),
            spanish: reply::spanish_of(fault.kind).to_owned(),
            english: fault.to_string(),
            detail: fault.to_string(),
        }
    }
}

/// Why somebody was not signed in.
pub fn sign_in_refused(error: SignInError) -> Refused {
    let (kind, code, spanish, english) = match error {
        SignInError::BadCredentials => (
            FaultKind::Unauthenticated,
            "bad_credentials",
            "La cuenta o la contraseña no es correcta.",
            "The account or the password is not right.",
        ),
        SignInError::SecondFactorRequired => (
            FaultKind::Unauthenticated,
            "totp_required",
            "Escriba el código de su segundo factor.",
            "Type the code of your second factor.",
        ),
        SignInError::SecondFactorWrong => (
            FaultKind::Unauthenticated,
            "totp_wrong",
            "El código no es correcto o ya se usó; espere el siguiente.",
            "The code is not right, or was used already; wait for the next one.",
        ),
        SignInError::Locked => (
            FaultKind::Unauthenticated,
            "locked",
            "La cuenta está bloqueada por intentos fallidos; intente de nuevo en 15 minutos.",
            "The account is locked after failed tries; try again in 15 minutes.",
        ),
        SignInError::Unavailable => (
            FaultKind::Unavailable,
            "unavailable",
            "No se puede iniciar sesión en este momento; intente de nuevo.",
            "Nobody can be signed in right now; try again.",
        ),
    };
    Refused::saying(kind, code, spanish, english)
}

/// Why what weighs was not confirmed by the second factor, or the password where that is enough.
pub fn factor_refused(error: SignInError) -> Refused {
    let (code, spanish, english) = match error {
        SignInError::SecondFactorRequired => (
            "second_factor_required",
            "Confirme con el código de su segundo factor.",
            "Confirm with the code of your second factor.",
        ),
        SignInError::BadCredentials | SignInError::SecondFactorWrong => (
            "second_factor_wrong",
            "No se pudo confirmar: lo que escribió no es correcto o ya se usó.",
            "Not confirmed: what you typed is not right, or was used already.",
        ),
        SignInError::Locked | SignInError::Unavailable => return sign_in_refused(error),
    };
    Refused::saying(FaultKind::Unauthenticated, code, spanish, english)
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = json_text(self.status, self.to_json(false));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Prints a refusal in English for who reads English.
pub async fn in_language(request: Request, next: Next) -> Response {
    let english = reply::prefers_english(request.headers());
    let mut response = next.run(request).await;
    if let Some(refused) = response.extensions_mut().remove::<Refused>().filter(|_| english) {
        *response.body_mut() = Body::from(refused.to_json(true));
    }
    response
}

/// An answer of `/api`. None of it is kept by a browser or a proxy.
pub fn json<T: Serialize>(value: &T) -> Result<Response, Refused> {
    let text = serde_json::to_string(value).map_err(|_| Fault::bug("an answer is always printable"))?;
    Ok(json_text(StatusCode::OK, text))
}

/// The same for clinical content, with the notice that the person may have restricted it (house, invariant 3).
pub fn clinical<T: Serialize>(value: &T) -> Result<Response, Refused> {
    let mut response = json(value)?;
    let notice = HeaderValue::from_static(crate::fhir_rest::form::NOTICE);
    response.headers_mut().insert(HeaderName::from_static("x-badiano-notice"), notice);
    Ok(response)
}

fn json_text(status: StatusCode, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, text).into_response()
}

/// Whether the reader wants English rather than Spanish.
#[derive(Debug, Clone, Copy)]
pub struct English(pub bool);

impl<S: Sync> FromRequestParts<S> for English {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(English(reply::prefers_english(&parts.headers)))
    }
}

/// A JSON body. Its content type is asked for, so that no foreign page can send one from a plain form.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).and_then(|h| h.to_str().ok()).unwrap_or_default();
        let bare = kind.split(';').next().unwrap_or_default().trim();
        if !bare.eq_ignore_ascii_case("application/json") {
            return Err(Fault::invalid("the content type is application/json").into());
        }
        let body = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX).await;
        let body = body.map_err(|_| Fault::too_costly("the body is longer than 1 MiB, or broke off"))?;
        // The parser's own text may quote what was sent: it stays here.
        let parsed = serde_json::from_slice(&body);
        parsed.map(Json).map_err(|e| {
            Fault::invalid(format!(
                "the body has not the shape of this question (line {}, column {})",
                e.line(),
                e.column()
            ))
            .into()
        })
    }
}

/// Of `Refusal`, for the parts of the gateway that answer one.
impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        refusal.fault.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_a_stable_code_and_a_sentence_in_both_languages() {
        let refused = sign_in_refused(SignInError::Locked);
        assert_eq!((refused.status, refused.code), (StatusCode::UNAUTHORIZED, "locked"));
        assert!(
            refused.to_json(false).contains("bloqueada") && refused.to_json(true).contains("locked after")
        );
        assert_eq!(factor_refused(SignInError::SecondFactorWrong).code, "second_factor_wrong");
        assert_eq!(factor_refused(SignInError::Unavailable).status, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn a_body_of_another_type_or_too_long_is_refused_and_its_text_is_not_repeated() {
        let send = |kind: &str, body: String| {
            Request::builder().header("content-type", kind).body(Body::from(body)).expect("a request")
        };
        let read = |request| Json::<Vec<u8>>::from_request(request, &());
        assert!(read(send("application/json; charset=utf-8", "[1,2]".into())).await.is_ok());
        let plain = read(send("text/plain", "[1]".into())).await.err().expect("refused");
        assert_eq!(plain.status, StatusCode::BAD_REQUEST);
        let long =
            read(send("application/json", " ".repeat(BODY_BYTES_MAX + 1))).await.err().expect("refused");
        assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
        let wrong =
            read(send("application/json", "[\"SABC560626MDFLRN01\"]".into())).await.err().expect("refused");
        assert!(!wrong.to_json(true).contains("SABC"), "{}", wrong.to_json(true));
    }
}
