//! FHIR capabilities interaction: generated from the tables that serve. https://hl7.org/fhir/R4/http.html#capabilities

use super::asked::Asked;
use super::form;
use super::operations::{everything, terminology};
use super::websocket;
use crate::gate::Gate;
use crate::reply::Refusal;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use badiano_fhir::schema::{self, SearchKind, SearchParam};
use badiano_fhir::search::Parameters;
use badiano_fhir::{Value, fhir};

/// What every type of resource can do here.
const INTERACTIONS: [&str; 9] = [
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
];
/// What can be done with all types at once.
const SYSTEM_INTERACTIONS: [&str; 4] = ["transaction", "batch", "history-system", "search-system"];

pub async fn metadata(
    State(gate): State<Gate>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let asked = Asked::of_query(&headers, query.as_deref())?;
    let mode = form::pairs(query.as_deref().unwrap_or_default()).into_iter().find(|(name, _)| name == "mode");
    if mode.is_some_and(|(_, mode)| mode == "terminology") {
        let systems = gate.node.code_systems().map_err(Refusal::fhir)?;
        let described = terminology_statement(&gate.node.settings().name, &gate.options.address, &systems);
        return form::answer(StatusCode::OK, &described, &asked);
    }
    let topics = gate.node.subscription_topics().map_err(Refusal::fhir)?;
    let described = statement(&gate.node.settings().name, &gate.options.address);
    let parameters = gate.node.parameters().map_err(Refusal::fhir)?;
    form::answer(StatusCode::OK, &with_parameters(with_topics(described, &topics), &parameters), &asked)
}

/// Adds the search parameters of the node's own that can be asked.
fn with_parameters(mut statement: Value, parameters: &Parameters) -> Value {
    for resource in described_types(&mut statement) {
        let own = parameters.own(resource.str_of("type"));
        if own.is_empty() {
            continue;
        }
        let standard = resource.get("searchParam").items().to_vec();
        let all = standard.into_iter().chain(own.into_iter().map(search_param)).collect();
        resource.set("searchParam", Value::Array(all));
    }
    statement
}

/// The descriptions of the types of resources.
fn described_types(statement: &mut Value) -> &mut [Value] {
    let rest = statement.as_object_mut().and_then(|s| s.get_mut("rest")).and_then(Value::as_array_mut);
    let rest = rest.and_then(|rest| rest.first_mut()).and_then(Value::as_object_mut);
    rest.and_then(|rest| rest.get_mut("resource")).and_then(Value::as_array_mut).map_or(&mut [], |all| all)
}

/// Says which topics subscriptions can name (Subscriptions R5 Backport 1.1, capability-subscriptiontopic-canonical).
fn with_topics(mut statement: Value, topics: &[String]) -> Value {
    const URL: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/capability-subscriptiontopic-canonical";
    let extensions: Vec<Value> =
        topics.iter().map(|topic| fhir!({ "url": URL, "valueCanonical": (topic.as_str()) })).collect();
    let own = described_types(&mut statement).iter_mut().find(|k| k.str_of("type") == "Subscription");
    if let Some(own) = own.filter(|_| !extensions.is_empty()) {
        own.set("extension", Value::Array(extensions));
    }
    statement
}

/// The CapabilityStatement of a node; also what `docs/conformance` shows.
pub fn statement(name: &str, address: &str) -> Value {
    let resources: Vec<Value> = schema::resource_types().iter().map(|kind| resource(kind)).collect();
    fhir!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-22",
        "kind": "instance",
        "software": { "name": "Badiano", "version": (env!("CARGO_PKG_VERSION")) },
        "implementation": { "description": name, "url": (format!("{address}/fhir")) },
        "fhirVersion": "4.0.1",
        "format": ["json", "xml"],
        "patchFormat": ["application/json-patch+json", "application/fhir+json", "application/fhir+xml"],
        "rest": [{
            "extension": [{ "url": "http://hl7.org/fhir/StructureDefinition/capabilitystatement-websocket", "valueUri": (websocket::address(address)) }],
            "mode": "server",
            "security": { "service": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR" }] }] },
            "resource": (Value::Array(resources)),
            "interaction": (codes(&SYSTEM_INTERACTIONS)),
            "operation": [
                { "name": "closure", "definition": "http://hl7.org/fhir/OperationDefinition/ConceptMap-closure" },
                { "name": "export", "definition": "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export" },
                { "name": "graphql", "definition": "http://hl7.org/fhir/OperationDefinition/Resource-graphql" }
            ]
        }]
    })
}

/// The TerminologyCapabilities of a node: its code systems with their versions (terminologycapabilities.html).
fn terminology_statement(name: &str, address: &str, systems: &[(String, Vec<String>)]) -> Value {
    let system = |(url, versions): &(String, Vec<String>)| {
        let mut one = fhir!({ "uri": (url.as_str()) });
        let versions: Vec<Value> = versions.iter().map(|v| fhir!({ "code": (v.as_str()) })).collect();
        if !versions.is_empty() {
            one.set("version", Value::Array(versions));
        }
        one
    };
    let parameters = [
        "filter",
        "count",
        "offset",
        "displayLanguage",
        "includeDesignations",
        "activeOnly",
        "excludeNotForUI",
        "url",
        "valueSetVersion",
        "valueSet",
        "system-version",
    ];
    let parameter = |name: &&str| fhir!({ "name": (*name) });
    fhir!({
        "resourceType": "TerminologyCapabilities",
        "status": "active",
        "date": "2026-11-23",
        "kind": "instance",
        "software": { "name": "Badiano", "version": (env!("CARGO_PKG_VERSION")) },
        "implementation": { "description": name, "url": (format!("{address}/fhir")) },
        "codeSystem": (Value::Array(systems.iter().map(system).collect())),
        "expansion": {
            "hierarchical": false,
            "paging": true,
            "incomplete": false,
            "parameter": (Value::Array(parameters.iter().map(parameter).collect())),
            "textFilter": "Beginnings of words of display, designations and code, in any order, without case or accents."
        },
        "codeSearch": "all",
        "validateCode": { "translations": true },
        "translation": { "needsMap": true },
        "closure": { "translation": false }
    })
}

const fn kind_code(kind: SearchKind) -> &'static str {
    match kind {
        SearchKind::Number => "number",
        SearchKind::Date => "date",
        SearchKind::String => "string",
        SearchKind::Token => "token",
        SearchKind::Reference => "reference",
        SearchKind::Composite => "composite",
        SearchKind::Quantity => "quantity",
        SearchKind::Uri => "uri",
        SearchKind::Special => "special",
    }
}

fn codes(all: &[&str]) -> Value {
    Value::Array(all.iter().map(|code| fhir!({ "code": (*code) })).collect())
}

/// The operations of a type.
fn operations(kind: &str) -> Value {
    let of_all = [
        ("validate", "Resource"),
        ("meta", "Resource"),
        ("meta-add", "Resource"),
        ("meta-delete", "Resource"),
        ("graphql", "Resource"),
    ];
    let own = everything::TYPES.contains(&kind).then_some(("everything", kind));
    let of_patients = (kind == "Patient").then_some(("match", kind));
    let codes = terminology::OPERATIONS.iter().filter(|o| o.kind == kind).map(|o| (o.name, o.kind));
    let all = own.into_iter().chain(of_patients).chain(codes).chain(of_all);
    let operation = |(name, of): (&str, &str)| fhir!({ "name": name, "definition": (format!("http://hl7.org/fhir/OperationDefinition/{of}-{name}")) });
    let mut all: Vec<Value> = all.map(operation).collect();
    let elsewhere: &[(&str, &str)] = match kind {
        "Patient" => &[
            ("ihe-pix", "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix"),
            ("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export"),
        ],
        "Subscription" => &[
            (
                "status",
                "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-status",
            ),
            (
                "events",
                "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-events",
            ),
            (
                "get-ws-binding-token",
                "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-get-ws-binding-token",
            ),
        ],
        "Group" => &[("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export")],
        _ => &[],
    };
    all.extend(
        elsewhere.iter().map(|(name, definition)| fhir!({ "name": (*name), "definition": (*definition) })),
    );
    Value::Array(all)
}

fn search_param(parameter: &SearchParam) -> Value {
    fhir!({ "name": (parameter.code), "definition": (parameter.url), "type": (kind_code(parameter.kind)) })
}

fn resource(kind: &str) -> Value {
    let params = schema::search_parameters().iter().filter(|p| p.base.contains(&kind));
    let params: Vec<Value> = params.map(search_param).collect();
    let mut resource = fhir!({
        "type": kind,
        "interaction": (codes(&INTERACTIONS)),
        "versioning": "versioned-update",
        "readHistory": true,
        "updateCreate": true,
        "conditionalCreate": true,
        "conditionalRead": "full-support",
        "conditionalUpdate": true,
        "conditionalDelete": "multiple"
    });
    resource.set("operation", operations(kind));
    if !params.is_empty() {
        resource.set("searchParam", Value::Array(params));
    }
    resource
}
