//! What a Subscription asks for, read and checked (FHIR R4, subscription.html; Subscriptions R5 Backport 1.1, R4 profile).

use super::topic::{self, Topic};
use crate::secrets::Secrets;
use badiano_fhir::search::{self, Filter};
use badiano_fhir::{Value, schema};
use badiano_kernel::{Fault, Instant};
use badiano_store::View;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};

/// Headers that one subscription may send along.
const HEADERS_MAX: usize = 16;
const HEADER_BYTES_MAX: usize = 8 << 10;
const ENDPOINT_BYTES_MAX: usize = 2_000;
/// Filters that narrow one topic.
const FILTERS_MAX: usize = 20;
/// Events that one notification may carry.
pub const EVENTS_EACH_MAX: u64 = 100;
/// Shortest heartbeat, in seconds.
const HEARTBEAT_SECONDS_MIN: u64 = 5;
/// How long an endpoint may take to answer, in seconds: what holds, and the most that may be asked for.
const TIMEOUT_SECONDS: u64 = 10;
const TIMEOUT_SECONDS_MAX: u64 = 30;
/// Headers that belong to the request itself.
const OWN_HEADERS: [&str; 7] =
    ["host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te"];

const BACKPORT: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/";
/// What stands before a header's value that only this node can open.
const SEALED: &str = "sealed:";

/// How a subscriber is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    RestHook,
    Websocket,
}

/// How much of a resource a notification shows (backport-payload-content).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    Empty,
    IdOnly,
    FullResource,
}

impl Content {
    pub fn from_code(code: &str) -> Option<Content> {
        match code {
            "empty" => Some(Content::Empty),
            "id-only" => Some(Content::IdOnly),
            "full-resource" => Some(Content::FullResource),
            _ => None,
        }
    }
}

/// A Subscription as it is worked by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// `Type?query`, or the canonical of a topic.
    pub criteria: String,
    /// What narrows a topic: `Type?query` or `query`.
    pub filters: Vec<String>,
    /// Told by notification Bundles as the backport has them; otherwise as R4 itself has it.
    pub backport: bool,
    pub channel: Channel,
    pub endpoint: String,
    /// As they stand in the resource: values are sealed.
    pub headers: Vec<String>,
    /// The media type of what is sent; nothing where R4 sends nothing.
    pub payload: Option<String>,
    pub content: Content,
    /// Seconds; 0 for none.
    pub heartbeat: u64,
    pub timeout: u64,
    pub events_each: u64,
    /// Seconds since 1970 after which nobody is told.
    pub end: Option<i64>,
}

impl Plan {
    /// Reads a Subscription; what cannot be kept is refused with its element.
    pub fn read(resource: &Value) -> Result<Plan, Fault> {
        let channel = &resource["channel"];
        let criteria = resource.str_of("criteria").to_owned();
        let backport = is_canonical(&criteria);
        let mut plan = Plan {
            filters: extensions(&resource["_criteria"], "backport-filter-criteria")
                .map(|e| e.str_of("valueString").to_owned())
                .collect(),
            backport,
            channel: channel_of(channel)?,
            endpoint: channel.str_of("endpoint").to_owned(),
            headers: channel["header"].items().iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            payload: payload_of(channel.str_of("payload"), backport)?,
            content: content_of(&channel["_payload"], backport)?,
            heartbeat: number(channel, "backport-heartbeat-period")?.unwrap_or(0),
            timeout: number(channel, "backport-timeout")?.unwrap_or(TIMEOUT_SECONDS),
            events_each: number(&channel["_payload"], "backport-max-count")?
                .or(number(channel, "backport-max-count")?)
                .unwrap_or(1),
            end: end_of(resource)?,
            criteria,
        };
        if plan.heartbeat > 0 {
            plan.heartbeat = plan.heartbeat.max(HEARTBEAT_SECONDS_MIN);
        }
        plan.timeout = plan.timeout.clamp(1, TIMEOUT_SECONDS_MAX);
        plan.events_each = plan.events_each.clamp(1, EVENTS_EACH_MAX);
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<(), Fault> {
        if self.channel == Channel::RestHook {
            check_endpoint(&self.endpoint)?;
        }
        if self.headers.len() > HEADERS_MAX {
            return Err(Fault::too_costly(format!("more than {HEADERS_MAX} headers")).at(HEADER_PLACE));
        }
        self.headers.iter().try_for_each(|header| check_header(header))?;
        if self.filters.len() > FILTERS_MAX {
            return Err(Fault::too_costly(format!("more than {FILTERS_MAX} filters")));
        }
        Ok(())
    }

    /// What is to be told, compiled: of the resource's own criteria or of the topic that they name.
    pub fn compile(&self, view: &View<'_>, zone: &str) -> Result<Watched, Fault> {
        if !self.backport {
            let (kind, filters) = parse_criteria(&self.criteria, zone)?;
            return Ok(Watched { topic: Topic::of_criteria(kind, filters), filters: Vec::new() });
        }
        let topic = topic::find(view, &self.criteria)?;
        let topic =
            topic.ok_or_else(|| Fault::invalid("no topic of this url is kept here").at("criteria"))?;
        let topic = Topic::read(&topic, zone)?;
        let mut filters = Vec::new();
        for text in &self.filters {
            filters.extend(topic.narrowed(text, zone)?);
        }
        Ok(Watched { topic, filters })
    }

    /// The headers with their values opened; none that was copied from another subscription opens.
    pub fn open_headers(&self, secrets: &Secrets, id: &str) -> Result<Vec<(String, String)>, Fault> {
        let label = label(id, &self.endpoint);
        let open = |header: &String| {
            let (name, value) = header.split_once(':').unwrap_or((header, ""));
            let value = value.trim();
            let Some(sealed) = value.strip_prefix(SEALED) else {
                return Ok((name.trim().to_owned(), value.to_owned()));
            };
            let opened = BASE64.decode(sealed).ok().and_then(|bytes| secrets.open(&label, &bytes));
            let opened = opened.and_then(|bytes| String::from_utf8(bytes).ok());
            opened.map(|value| (name.trim().to_owned(), value)).ok_or_else(|| {
                let text =
                    "a sealed header belongs to another subscription or endpoint: give its value again";
                Fault::invalid(text).at(HEADER_PLACE)
            })
        };
        self.headers.iter().map(open).collect()
    }
}

const HEADER_PLACE: &str = "Subscription.channel.header";

/// What is watched for one subscription.
pub struct Watched {
    pub topic: Topic,
    /// A type and what a resource of it must fit besides.
    pub filters: Vec<(String, Vec<Filter>)>,
}

/// Seals the values of the headers for this subscription and endpoint: nobody reads them back, and copied they open nowhere.
pub fn seal_headers(secrets: &Secrets, resource: &mut Value) {
    let label = label(resource.id(), resource["channel"].str_of("endpoint"));
    let Some(Value::Object(channel)) = resource.as_object_mut().and_then(|r| r.get_mut("channel")) else {
        return;
    };
    let Some(headers) = channel.get_mut("header").and_then(Value::as_array_mut) else { return };
    for header in headers {
        let Some((name, value)) = header.as_str().and_then(|h| h.split_once(':')) else { continue };
        let value = value.trim();
        if value.starts_with(SEALED) {
            continue;
        }
        let sealed = BASE64.encode(secrets.seal(&label, value.as_bytes()));
        *header = Value::from(format!("{}: {SEALED}{sealed}", name.trim()).as_str());
    }
}

fn label(id: &str, endpoint: &str) -> String {
    format!("subscription header {id} {endpoint}")
}

/// A canonical is a URL with a scheme; `Type?query` has none before its question mark.
fn is_canonical(criteria: &str) -> bool {
    let before = criteria.split('?').next().unwrap_or_default();
    before.contains(':')
}

fn extensions<'v>(element: &'v Value, name: &'static str) -> impl Iterator<Item = &'v Value> {
    let is_one = move |e: &&Value| e.str_of("url").strip_prefix(BACKPORT).is_some_and(|n| n == name);
    element["extension"].items().iter().filter(is_one)
}

fn number(element: &Value, name: &'static str) -> Result<Option<u64>, Fault> {
    let Some(extension) = extensions(element, name).next() else { return Ok(None) };
    let value = ["valueUnsignedInt", "valuePositiveInt", "valueInteger"]
        .iter()
        .find_map(|key| extension[*key].as_i64())
        .and_then(|n| u64::try_from(n).ok());
    value.map(Some).ok_or_else(|| Fault::invalid("must be a whole number, not below 0").at(name))
}

fn channel_of(channel: &Value) -> Result<Channel, Fault> {
    match channel.str_of("type") {
        "rest-hook" => Ok(Channel::RestHook),
        "websocket" => Ok(Channel::Websocket),
        _ => {
            Err(Fault::not_supported("channels are rest-hook and websocket").at("Subscription.channel.type"))
        }
    }
}

fn payload_of(payload: &str, backport: bool) -> Result<Option<String>, Fault> {
    let media = payload.split(';').next().unwrap_or_default().trim();
    match media {
        "" if backport => Ok(Some("application/fhir+json".to_owned())),
        "" => Ok(None),
        "application/fhir+json" | "application/fhir+xml" | "application/json" | "application/xml" => {
            Ok(Some(media.to_owned()))
        }
        _ => Err(Fault::not_supported("a payload is FHIR as JSON or XML").at("Subscription.channel.payload")),
    }
}

fn content_of(payload: &Value, backport: bool) -> Result<Content, Fault> {
    match extensions(payload, "backport-payload-content").next() {
        Some(said) => Content::from_code(said.str_of("valueCode")).ok_or_else(|| {
            Fault::invalid("content is empty, id-only or full-resource").at("Subscription.channel.payload")
        }),
        None if backport => Ok(Content::IdOnly),
        None => Ok(Content::FullResource),
    }
}

fn end_of(resource: &Value) -> Result<Option<i64>, Fault> {
    let Some(text) = resource["end"].as_str() else { return Ok(None) };
    let end = Instant::parse_rfc3339(text).map(|end| Some(end.seconds()));
    end.ok_or_else(|| Fault::invalid("must be an instant").at("Subscription.end"))
}

fn check_endpoint(endpoint: &str) -> Result<(), Fault> {
    let refused = |text: &str| Err(Fault::invalid(text).at("Subscription.channel.endpoint"));
    let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
    let Some(rest) = rest else { return refused("a rest-hook has an http or https address") };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || authority.contains('@') {
        return refused("an address has a host and no user name; what is secret stands in a header");
    }
    if endpoint.len() > ENDPOINT_BYTES_MAX || endpoint.bytes().any(|b| b <= b' ' || b == 0x7f) {
        return refused("the address is too long or has spaces");
    }
    Ok(())
}

fn check_header(header: &str) -> Result<(), Fault> {
    let refused = |text: &str| Err(Fault::invalid(text).at(HEADER_PLACE));
    let Some((name, value)) = header.split_once(':') else { return refused("a header is `Name: value`") };
    let name = name.trim();
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) {
        return refused("a header's name is a token (RFC 9110)");
    }
    if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        return refused("this header is the request's own");
    }
    if header.len() > HEADER_BYTES_MAX || value.bytes().any(|b| b < b' ' || b == 0x7f) {
        return refused("a header's value is one line of at most 8 KiB");
    }
    Ok(())
}

/// `Type?query`, read strictly: what is not understood would tell of something else.
pub fn parse_criteria(criteria: &str, zone: &str) -> Result<(String, Vec<Filter>), Fault> {
    let (kind, query) = criteria.split_once('?').unwrap_or((criteria, ""));
    let place = "Subscription.criteria";
    if !schema::is_resource_type(kind) {
        return Err(Fault::invalid("criteria are `Type?query` or the url of a topic").at(place));
    }
    let parsed = search::parse(kind, &search::pairs(query), true, zone);
    let query = parsed.map_err(|fault| {
        let inner = fault.place.clone();
        fault.at(format!("{place}: {inner}"))
    })?;
    Ok((kind.to_owned(), query.query.filters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_fhir::fhir;

    fn hook(endpoint: &str, header: &str) -> Value {
        fhir!({
            "resourceType": "Subscription", "id": "s", "status": "requested", "reason": "r",
            "criteria": "Observation?status=final",
            "channel": { "type": "rest-hook", "endpoint": endpoint, "header": [header] }
        })
    }

    #[test]
    fn an_address_has_a_host_and_no_secret_and_a_header_is_not_the_requests_own() {
        assert!(Plan::read(&hook("https://example.org/hook", "Authorization: Bearer x")).is_ok());
        for wrong in ["", "ftp://example.org", "https://", "https://u:p@example.org/", "https://a b/"] {
            assert!(Plan::read(&hook(wrong, "A: b")).is_err(), "{wrong}");
        }
        for wrong in ["Host: x", "no colon", "a b: c", "A: b\r\nHost: c", ": x"] {
            assert!(Plan::read(&hook("https://example.org/", wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_url_is_taken_for_a_topic() {
        assert!(is_canonical("https://example.org/topic|1"));
        assert!(is_canonical("urn:uuid:1"));
        assert!(!is_canonical("Observation?code=http://loinc.org|1975-2"));
    }

    #[test]
    fn criteria_that_are_not_understood_are_refused_with_their_place() {
        let zone = "America/Mexico_City";
        assert_eq!(parse_criteria("Observation?status=final", zone).expect("read").0, "Observation");
        assert!(parse_criteria("Observation", zone).expect("read").1.is_empty());
        for wrong in ["Observation?nonsense=1", "Nothing?x=y", ""] {
            assert!(parse_criteria(wrong, zone).is_err(), "{wrong}");
        }
    }
}
