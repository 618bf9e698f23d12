//! What was found wrong, as an OperationOutcome (FHIR R4, operationoutcome.html).

use crate::fhir;
use crate::value::Value;
use badiano_kernel::fault::{Fault, FaultKind};

/// How grave an issue is (valueset-issue-severity.html).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Fatal,
    Error,
    Warning,
    Information,
}

impl Severity {
    pub fn code(self) -> &'static str {
        match self {
            Severity::Fatal => "fatal",
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Information => "information",
        }
    }
}

/// What kind of issue it is (valueset-issue-type.html); those that this product tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueType {
    Invalid,
    Structure,
    Required,
    Value,
    Invariant,
    CodeInvalid,
    Extension,
    TooLong,
    TooCostly,
    NotFound,
    NotSupported,
    Conflict,
    Forbidden,
    Login,
    Transient,
    Exception,
    Informational,
}

impl IssueType {
    pub fn code(self) -> &'static str {
        match self {
            IssueType::Invalid => "invalid",
            IssueType::Structure => "structure",
            IssueType::Required => "required",
            IssueType::Value => "value",
            IssueType::Invariant => "invariant",
            IssueType::CodeInvalid => "code-invalid",
            IssueType::Extension => "extension",
            IssueType::TooLong => "too-long",
            IssueType::TooCostly => "too-costly",
            IssueType::NotFound => "not-found",
            IssueType::NotSupported => "not-supported",
            IssueType::Conflict => "conflict",
            IssueType::Forbidden => "forbidden",
            IssueType::Login => "login",
            IssueType::Transient => "transient",
            IssueType::Exception => "exception",
            IssueType::Informational => "informational",
        }
    }
}

/// One finding. Its texts name fields and rules, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    pub severity: Severity,
    pub code: IssueType,
    /// A FHIRPath: `Patient.name[0].family`, `Observation.value.ofType(Quantity).code`.
    pub expression: String,
    pub text_en: String,
    pub text_es: String,
}

impl Issue {
    pub fn is_error(&self) -> bool {
        self.severity <= Severity::Error
    }
}

/// An OperationOutcome: the Spanish text as `details.text`, the English one as `diagnostics`.
/// No issues give one issue that says so.
pub fn from_issues(issues: &[Issue]) -> Value {
    let mut listed: Vec<Value> = issues
        .iter()
        .map(|issue| {
            one(
                issue.severity,
                issue.code,
                &issue.text_es,
                &issue.text_en,
                std::slice::from_ref(&issue.expression),
            )
        })
        .collect();
    if listed.is_empty() {
        let all_well = (Severity::Information, IssueType::Informational);
        listed.push(one(all_well.0, all_well.1, "Sin observaciones.", "No issues were found.", &[]));
    }
    outcome(listed)
}

/// An OperationOutcome with one issue.
pub fn from_fault(fault: &Fault) -> Value {
    let (code, es) = match fault.kind {
        FaultKind::Invalid => {
            (IssueType::Invalid, "Lo recibido no cumple una regla de su formato o de la norma.")
        }
        FaultKind::NotFound => (IssueType::NotFound, "No se encontró."),
        FaultKind::Conflict => {
            (IssueType::Conflict, "Otro cambio llegó antes, o ya existe uno con la misma identidad.")
        }
        FaultKind::Unmet => (IssueType::Conflict, "La condición que se puso para el cambio no se cumple."),
        FaultKind::Forbidden => (IssueType::Forbidden, "Usted no tiene permiso para hacer esto."),
        FaultKind::Unauthenticated => {
            (IssueType::Login, "Hace falta iniciar sesión, o la sesión ha vencido.")
        }
        FaultKind::TooCostly => (IssueType::TooCostly, "La petición cuesta más de lo permitido; acótela."),
        FaultKind::Unavailable => {
            (IssueType::Transient, "Una parte necesaria no responde; intente de nuevo.")
        }
        FaultKind::NotSupported => (IssueType::NotSupported, "Esta versión no lo ofrece."),
        FaultKind::Bug => (IssueType::Exception, "Error interno del servidor."),
    };
    let place = if fault.place.is_empty() { &[][..] } else { std::slice::from_ref(&fault.place) };
    outcome(vec![one(Severity::Error, code, es, &fault.text, place)])
}

fn outcome(issues: Vec<Value>) -> Value {
    fhir!({ "resourceType": "OperationOutcome", "language": "es-MX", "issue": issues })
}

fn one(severity: Severity, code: IssueType, es: &str, en: &str, expressions: &[String]) -> Value {
    let mut issue = fhir!({
        "severity": (severity.code()),
        "code": (code.code()),
        "details": { "text": es },
    });
    if !en.is_empty() {
        issue.set("diagnostics", en);
    }
    for expression in expressions.iter().filter(|e| !e.is_empty()) {
        issue.push("expression", expression.as_str());
    }
    issue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_fault_gives_a_valid_outcome_in_spanish() {
        let kinds = [
            (FaultKind::Invalid, "invalid"),
            (FaultKind::NotFound, "not-found"),
            (FaultKind::Conflict, "conflict"),
            (FaultKind::Unmet, "conflict"),
            (FaultKind::Forbidden, "forbidden"),
            (FaultKind::Unauthenticated, "login"),
            (FaultKind::TooCostly, "too-costly"),
            (FaultKind::Unavailable, "transient"),
            (FaultKind::NotSupported, "not-supported"),
            (FaultKind::Bug, "exception"),
        ];
        for (kind, code) in kinds {
            let made = from_fault(&Fault::new(kind, "why").at("Patient.name"));
            assert_eq!(made["issue"][0].str_of("code"), code);
            assert_eq!(made["issue"][0]["expression"][0].as_str(), Some("Patient.name"));
            assert_eq!(crate::validate::validate(&made), [], "{kind:?}");
        }
    }

    #[test]
    fn issues_keep_their_order_and_none_says_so() {
        let found =
            crate::validate::validate(&fhir!({ "resourceType": "Patient", "gender": true, "nombre": "x" }));
        let made = from_issues(&found);
        assert_eq!(made["issue"].items().len(), 2);
        assert_eq!(made["issue"][0]["expression"][0].as_str(), Some("Patient.gender"));
        let none = from_issues(&[]);
        assert_eq!(none["issue"][0].str_of("severity"), "information");
        assert_eq!(crate::validate::validate(&none), []);
    }
}
