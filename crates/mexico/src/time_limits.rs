//! Legal time limits as values with their source (NOM-004-SSA3-2012 5.4, LFPDPPP 2025, LGS art. 226, DGMoSS guide 2025).

/// How a limit is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    Years(u16),
    Months(u16),
    Days(u16),
    /// Monday to Friday without official holidays.
    BusinessDays(u16),
}

/// A limit, what it binds and where it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimit {
    pub span: Span,
    pub rule_es: &'static str,
    pub source: &'static str,
}

const fn limit(span: Span, rule_es: &'static str, source: &'static str) -> TimeLimit {
    TimeLimit { span, rule_es, source }
}

pub const RECORD_RETENTION: TimeLimit = limit(
    Span::Years(5),
    "El expediente clínico, con sus imágenes, se conserva al menos 5 años desde el último acto médico",
    "NOM-004-SSA3-2012, 5.4 (DOF 15-10-2012)",
);
pub const AUDIT_RETENTION: TimeLimit =
    limit(Span::Years(7), "La bitácora de accesos se conserva al menos 7 años", "Guía DGMoSS 2025");
pub const ARCO_ANSWER: TimeLimit = limit(
    Span::BusinessDays(20),
    "La solicitud ARCO se responde en 20 días hábiles",
    "LFPDPPP (DOF 20-03-2025)",
);
pub const ARCO_EXECUTION: TimeLimit = limit(
    Span::BusinessDays(15),
    "Lo que procede se hace efectivo en los 15 días hábiles siguientes a la respuesta",
    "LFPDPPP (DOF 20-03-2025)",
);
pub const SENSITIVE_CONSENT_RECONFIRMATION: TimeLimit = limit(
    Span::Months(12),
    "El consentimiento sobre datos especialmente sensibles se reconfirma cada 12 meses",
    "Guía DGMoSS 2025",
);
pub const PRESCRIPTION_GROUP_I: TimeLimit = limit(
    Span::Days(30),
    "Receta especial de estupefacientes: tratamiento de 30 días como máximo",
    "LGS art. 226, fracción I",
);
pub const PRESCRIPTION_GROUP_II: TimeLimit =
    limit(Span::Days(30), "Receta retenida: 30 días desde su expedición", "LGS art. 226, fracción II");

/// All of them, for the page that shows what the program keeps to.
pub static TIME_LIMITS: [&TimeLimit; 7] = [
    &RECORD_RETENTION,
    &AUDIT_RETENTION,
    &ARCO_ANSWER,
    &ARCO_EXECUTION,
    &SENSITIVE_CONSENT_RECONFIRMATION,
    &PRESCRIPTION_GROUP_I,
    &PRESCRIPTION_GROUP_II,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_says_what_it_binds_and_where_it_is_written() {
        for l in TIME_LIMITS {
            assert!(l.rule_es.len() > 20 && !l.source.is_empty(), "{l:?}");
        }
        assert_eq!(RECORD_RETENTION.span, Span::Years(5));
    }
}
