//! A fault in the form of each door: OperationOutcome for FHIR, plain text for DICOMweb, `{code, text}` for pages.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use badiano_fhir::{json, outcome};
use badiano_kernel::{Fault, FaultKind};

/// HTTP status of a kind of fault.
pub const fn status_of(kind: FaultKind) -> StatusCode {
    match kind {
        FaultKind::Invalid => StatusCode::BAD_REQUEST,
        FaultKind::NotFound => StatusCode::NOT_FOUND,
        FaultKind::Conflict => StatusCode::CONFLICT,
        FaultKind::Unmet => StatusCode::PRECONDITION_FAILED,
        FaultKind::Forbidden => StatusCode::FORBIDDEN,
        FaultKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        FaultKind::TooCostly => StatusCode::PAYLOAD_TOO_LARGE,
        FaultKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        FaultKind::NotSupported => StatusCode::NOT_IMPLEMENTED,
        FaultKind::Bug => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The form of a door's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Fhir,
    DicomWeb,
    Page,
}

impl Form {
    /// Each protocol has a path of its own.
    pub fn of_path(path: &str) -> Self {
        if path.starts_with("/fhir") {
            Form::Fhir
        } else if ["/dicomweb", "/wado", "/pni/images"].iter().any(|base| path.starts_with(base)) {
            Form::DicomWeb
        } else {
            Form::Page
        }
    }
}

/// A fault on its way out of a door.
#[derive(Debug)]
pub struct Refusal {
    pub form: Form,
    pub fault: Fault,
    /// Spanish unless the caller prefers English.
    pub english: bool,
}

impl Refusal {
    pub fn of(parts: &Parts, fault: Fault) -> Self {
        Refusal { form: Form::of_path(parts.uri.path()), fault, english: prefers_english(&parts.headers) }
    }
    pub fn fhir(fault: Fault) -> Self {
        Refusal { form: Form::Fhir, fault, english: true }
    }
    pub fn dicomweb(fault: Fault) -> Self {
        Refusal { form: Form::DicomWeb, fault, english: true }
    }
    pub fn page(fault: Fault) -> Self {
        Refusal { form: Form::Page, fault, english: false }
    }
}

/// Whether English stands before Spanish in what the caller reads.
pub fn prefers_english(headers: &axum::http::HeaderMap) -> bool {
    let value = headers.get(header::ACCEPT_LANGUAGE).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let first = value.split([',', ';']).next().unwrap_or_default().trim();
    first.starts_with("en")
}

/// A word for each kind, that pages and scripts can tell apart.
pub const fn code_of(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Invalid => "invalid",
        FaultKind::NotFound => "not_found",
        FaultKind::Conflict => "conflict",
        FaultKind::Unmet => "unmet",
        FaultKind::Forbidden => "forbidden",
        FaultKind::Unauthenticated => "unauthenticated",
        FaultKind::TooCostly => "too_costly",
        FaultKind::Unavailable => "unavailable",
        FaultKind::NotSupported => "not_supported",
        FaultKind::Bug => "bug",
    }
}

/// What a person reads where the fault has no sentence of its own in Spanish.
pub const fn spanish_of(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Invalid => "Hay un dato que no es válido.",
        FaultKind::NotFound => "No se encontró lo que busca.",
        FaultKind::Unmet => "La condición que puso para el cambio no se cumple.",
        FaultKind::Conflict => "Alguien más hizo un cambio antes; actualice la página.",
        FaultKind::Forbidden => "No tiene permiso para hacer esto.",
        FaultKind::Unauthenticated => "Inicie sesión para continuar.",
        FaultKind::TooCostly => "La petición es demasiado grande.",
        FaultKind::Unavailable => "Una parte del sistema no responde; intente de nuevo en un momento.",
        FaultKind::NotSupported => "Esta función todavía no está disponible.",
        FaultKind::Bug => "Ocurrió un error interno; ya quedó registrado.",
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if self.fault.kind == FaultKind::Bug {
            tracing::error!(fault = %self.fault, "our own mistake");
        }
        let status = status_of(self.fault.kind);
        let (kind, body) = match self.form {
            Form::Fhir => {
                ("application/fhir+json; charset=utf-8", json::to_string(&outcome::from_fault(&self.fault)))
            }
            Form::DicomWeb => ("text/plain; charset=utf-8", self.fault.to_string()),
            Form::Page => {
                let text = if self.english {
                    self.fault.to_string()
                } else {
                    spanish_of(self.fault.kind).to_owned()
                };
                let value = serde_json::json!({ "code": code_of(self.fault.kind), "text": text, "detail": self.fault.to_string() });
                ("application/json; charset=utf-8", value.to_string())
            }
        };
        let mut response = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            response = response.header(header::WWW_AUTHENTICATE, "Bearer");
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response = response.header(header::RETRY_AFTER, "2");
        }
        response.body(Body::from(body)).expect("status and headers are constants")
    }
}
