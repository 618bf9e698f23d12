//! `badiano fhirpath`: what an expression gives for a resource (FHIRPath N1, 2.0.0; FHIR R4, fhirpath.html).

use super::output::{Output, Stopped, ended};
use super::validate::inputs;
use crate::Format;
use badiano_fhir::fhirpath::{Context, Expression, Item, Node, decimal::Decimal};
use badiano_fhir::validate::{self, Definitions};
use badiano_fhir::{Value, fhir, json};
use badiano_kernel::{Fault, Instant};
use clap::Args;
use std::borrow::Cow;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct FhirpathOptions {
    /// Expresión / expression: "name.where(use = 'official').family"
    #[arg(allow_hyphen_values = true)]
    expression: String,
    /// Recurso en JSON o XML, o - para la entrada estándar / resource, or - for standard input
    #[arg(value_name = "FILE|-")]
    input: PathBuf,
    /// Variables como objeto JSON / variables as a JSON object: {"edad": 45}
    #[arg(long, value_name = "JSON")]
    variables: Option<String>,
    /// Un nombre que el tipo no tiene es un error, no un resultado vacío / a name that the type does not have is an error
    #[arg(long)]
    strict: bool,
}

pub fn run(options: &FhirpathOptions, format: Format) -> Result<ExitCode, Fault> {
    let expression =
        Expression::parse(&options.expression).map_err(|e| Fault::invalid(e.to_string()).at("expression"))?;
    let variables = match &options.variables {
        Some(text) => {
            json::parse(text.as_bytes()).map_err(|e| Fault::invalid(e.to_string()).at("--variables"))?
        }
        None => Value::object(),
    };
    let Value::Object(variables) = &variables else {
        return Err(Fault::invalid("must be a JSON object").at("--variables"));
    };
    let input = inputs::one(&options.input)?;
    let resource = input.parse().map_err(|e| {
        Fault::invalid(e.what).at(format!("{}:{}:{}", options.input.display(), e.line, e.column))
    })?;
    let variables: Vec<(&str, Vec<Item<'_>>)> = variables.iter().map(|(k, v)| (k, items_of(v))).collect();
    let mut context = Context::new(&resource, Instant::now());
    context.variables = &variables;
    context.strict = options.strict;
    let definitions = Definitions::new();
    let member_of = |value: &Value, set: &str| validate::member_of(value, set, &definitions);
    let conforms_to = |value: &Value, url: &str| validate::conforms_to(value, url, &definitions);
    context.member_of = Some(&member_of);
    context.conforms_to = Some(&conforms_to);
    // A wrong expression was refused above; what it meets in this resource is a result that is not there.
    let found = match expression.evaluate(&context) {
        Ok(found) => found,
        Err(error) => {
            super::complain(&Fault::from(error), format);
            return Ok(ExitCode::FAILURE);
        }
    };
    ended(print(&found, format))
}

fn print(found: &[Item<'_>], format: Format) -> Result<ExitCode, Stopped> {
    let mut out = Output::open();
    match format {
        Format::Json => {
            out.line(&json::to_string(&Value::Array(found.iter().map(described).collect())))?;
        }
        Format::Text => {
            for item in found {
                let text = item.text().map_or_else(|| json::to_string(&item.to_value()), Cow::into_owned);
                out.line(&text)?;
            }
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// `{"type": "FHIR.date", "value": "1980-02-29"}`, with the id and the extensions of a primitive where it has some.
fn described(item: &Item<'_>) -> Value {
    let mut shown = fhir!({ "type": (item.type_name()), "value": (item.to_value()) });
    if let Some(beside) = item.as_node().and_then(Node::beside) {
        for key in ["id", "extension"] {
            if !beside[key].is_null() {
                shown.set(key, beside[key].clone());
            }
        }
    }
    shown
}

/// A variable's items: system values for JSON's own, elements for objects.
fn items_of(value: &Value) -> Vec<Item<'_>> {
    match value {
        Value::Null => Vec::new(),
        Value::Bool(b) => vec![Item::Boolean(*b)],
        Value::String(s) => vec![Item::String(Cow::Borrowed(s))],
        Value::Number(n) => match (n.parse::<i64>(), Decimal::parse(n)) {
            (Ok(whole), _) => vec![Item::Integer(whole)],
            (_, Some(decimal)) => vec![Item::Decimal(decimal)],
            _ => Vec::new(),
        },
        Value::Array(items) => items.iter().flat_map(items_of).collect(),
        Value::Object(_) => vec![Item::Node(Node::root(value))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_result_has_the_type_of_the_standard() {
        let patient =
            fhir!({ "resourceType": "Patient", "birthDate": "1980-02-29", "_birthDate": { "id": "b" } });
        let given = fhir!({ "n": [1_i64, "x", { "resourceType": "Group" }] });
        let run = |text: &str| -> String {
            let expression = Expression::parse(text).expect("an expression");
            let variables = [("n", items_of(&given["n"]))];
            let mut context = Context::new(&patient, Instant::from_seconds(0));
            context.variables = &variables;
            let found = expression.evaluate(&context).expect("a result");
            json::to_string(&Value::Array(found.iter().map(described).collect()))
        };
        for (expression, expected) in [
            ("birthDate", r#"[{"type":"FHIR.date","value":"1980-02-29","id":"b"}]"#),
            ("1.50", r#"[{"type":"System.Decimal","value":1.50}]"#),
            ("@2020-01", r#"[{"type":"System.Date","value":"2020-01"}]"#),
            ("birthDate.exists()", r#"[{"type":"System.Boolean","value":true}]"#),
            ("%n.first()", r#"[{"type":"System.Integer","value":1}]"#),
            ("%n.skip(2)", r#"[{"type":"FHIR.Group","value":{"resourceType":"Group"}}]"#),
            ("%n[1] & 'y'", r#"[{"type":"System.String","value":"xy"}]"#),
            ("active", "[]"),
        ] {
            assert_eq!(run(expression), expected, "{expression}");
        }
    }
}
