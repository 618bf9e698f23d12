//! A SubscriptionTopic as R4 carries it, in a Basic with the extensions of R5 (Subscriptions R5 Backport 1.1, "Subscription Topics in R4").

use badiano_fhir::fhirpath::{Context, Expression, Item, Node as PathNode};
use badiano_fhir::search::{self, Filter};
use badiano_fhir::{Value, schema};
use badiano_kernel::{Fault, Instant};
use badiano_store::{Tx, View};

/// Triggers that one topic may have.
const TRIGGERS_MAX: usize = 50;
/// Documents that say which Basic has a topic's url.
const BY_URL: &str = "subscription-topic";
/// Longest url of a topic: it is the key of a document.
const URL_BYTES_MAX: usize = 400;

/// What happened to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    Create,
    Update,
    Delete,
}

impl Happened {
    const ALL: [(Happened, &'static str); 3] =
        [(Happened::Create, "create"), (Happened::Update, "update"), (Happened::Delete, "delete")];
}

/// What a subscriber can be told of.
pub struct Topic {
    pub triggers: Vec<Trigger>,
    /// Type (empty for every one) and parameter that a subscription may narrow the topic by; nothing where all are allowed.
    filters: Option<Vec<(String, String)>>,
}

/// One kind of happening (SubscriptionTopic.resourceTrigger).
pub struct Trigger {
    pub kind: String,
    on: Vec<Happened>,
    previous: Option<Vec<Filter>>,
    current: Option<Vec<Filter>>,
    /// Whether a test passes that has no resource to look at.
    passes_on_create: bool,
    passes_on_delete: bool,
    both: bool,
    expression: Option<Expression>,
}

/// A change, with what was before and what is after it.
pub struct Occurrence<'o> {
    pub happened: Happened,
    pub before: Option<&'o Value>,
    pub after: Option<&'o Value>,
    pub now: Instant,
}

/// Whether a resource fits filters.
pub type Fits<'f> = dyn Fn(&Value, &[Filter]) -> Result<bool, Fault> + 'f;

impl Topic {
    /// What R4's own criteria tell of: what was created or updated and fits.
    pub fn of_criteria(kind: String, filters: Vec<Filter>) -> Topic {
        let trigger = Trigger {
            kind,
            on: vec![Happened::Create, Happened::Update],
            previous: None,
            current: Some(filters),
            passes_on_create: false,
            passes_on_delete: false,
            both: false,
            expression: None,
        };
        Topic { triggers: vec![trigger], filters: None }
    }

    pub fn read(basic: &Value, zone: &str) -> Result<Topic, Fault> {
        let triggers: Vec<Trigger> =
            named(basic, "resourceTrigger").map(|t| Trigger::read(t, zone)).collect::<Result<_, _>>()?;
        if triggers.is_empty() || triggers.len() > TRIGGERS_MAX {
            let text =
                format!("a topic has 1 to {TRIGGERS_MAX} triggers by resources; by events it has none here");
            return Err(Fault::not_supported(text).at("resourceTrigger"));
        }
        let filter = |by: &Value| {
            let kind = kind_of(part(by, "resource"));
            (kind, text_of(part(by, "filterParameter")).to_owned())
        };
        Ok(Topic { triggers, filters: Some(named(basic, "canFilterBy").map(filter).collect()) })
    }

    /// Reads a subscription's filter, `Type?query` or `query` for every type of the topic.
    pub fn narrowed(&self, text: &str, zone: &str) -> Result<Vec<(String, Vec<Filter>)>, Fault> {
        let (kind, query) = text.split_once('?').unwrap_or(("", text));
        let kinds: Vec<&str> = match kind {
            "" => self.triggers.iter().map(|t| t.kind.as_str()).collect(),
            kind => vec![kind],
        };
        let pairs = search::pairs(query);
        let place = "backport-filter-criteria";
        for (name, _) in &pairs {
            let name = name.split([':', '.']).next().unwrap_or_default();
            let allows = |(of, parameter): &(String, String)| {
                parameter == name && (of.is_empty() || kinds.contains(&of.as_str()))
            };
            if !self.filters.as_ref().is_none_or(|all| all.iter().any(allows)) {
                return Err(Fault::invalid(format!("the topic cannot be filtered by {name}")).at(place));
            }
        }
        let read = |kind: &str| {
            let parsed = search::parse(kind, &pairs, true, zone).map_err(|f| f.at(place))?;
            Ok((kind.to_owned(), parsed.query.filters))
        };
        kinds.into_iter().map(read).collect()
    }

    pub fn watches(&self, kind: &str) -> bool {
        self.triggers.iter().any(|t| t.kind == kind)
    }

    pub fn tells(&self, kind: &str, of: &Occurrence<'_>, fits: &Fits<'_>) -> Result<bool, Fault> {
        for trigger in self.triggers.iter().filter(|t| t.kind == kind) {
            if trigger.fires(of, fits)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Trigger {
    fn read(trigger: &Value, zone: &str) -> Result<Trigger, Fault> {
        let kind = kind_of(part(trigger, "resource"));
        if !schema::is_resource_type(&kind) {
            return Err(Fault::invalid("names no resource type of R4").at("resourceTrigger.resource"));
        }
        let said: Vec<&str> = named(trigger, "supportedInteraction").map(|e| text_of(Some(e))).collect();
        let on = Happened::ALL.iter().filter(|(_, code)| said.is_empty() || said.contains(code));
        let on = on.map(|(happened, _)| *happened).collect();
        let criteria = part(trigger, "queryCriteria");
        let filters = |name: &str| -> Result<Option<Vec<Filter>>, Fault> {
            let text = criteria.map_or("", |c| text_of(part(c, name)));
            if text.is_empty() {
                return Ok(None);
            }
            let query = text.split_once('?').map_or(text, |(_, query)| query);
            let parsed = search::parse(&kind, &search::pairs(query), true, zone);
            let parsed = parsed.map_err(|f| f.at(format!("resourceTrigger.queryCriteria.{name}")))?;
            Ok(Some(parsed.query.filters))
        };
        let (previous, current) = (filters("previous")?, filters("current")?);
        let passes = |name: &str| criteria.is_some_and(|c| text_of(part(c, name)) == "test-passes");
        let both = criteria.and_then(|c| part(c, "requireBoth")).and_then(|e| e["valueBoolean"].as_bool());
        let expression = match text_of(part(trigger, "fhirPathCriteria")) {
            "" => None,
            text => Some(
                Expression::parse(text)
                    .map_err(|e| Fault::invalid(e.to_string()).at("resourceTrigger.fhirPathCriteria"))?,
            ),
        };
        Ok(Trigger {
            on,
            previous,
            current,
            passes_on_create: passes("resultForCreate"),
            passes_on_delete: passes("resultForDelete"),
            both: both.unwrap_or(false),
            expression,
            kind,
        })
    }

    fn fires(&self, of: &Occurrence<'_>, fits: &Fits<'_>) -> Result<bool, Fault> {
        if !self.on.contains(&of.happened) {
            return Ok(false);
        }
        let test = |filters: &Option<Vec<Filter>>, on: Option<&Value>, without: bool| match (filters, on) {
            (None, _) => Ok(None),
            (Some(_), None) => Ok(Some(without)),
            (Some(filters), Some(resource)) => fits(resource, filters).map(Some),
        };
        let before = test(&self.previous, of.before, self.passes_on_create)?;
        let after = test(&self.current, of.after, self.passes_on_delete)?;
        let by_query = match (before, after) {
            (Some(a), Some(b)) if self.both => a && b,
            (Some(a), Some(b)) => a || b,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => true,
        };
        Ok(by_query && self.expression_holds(of)?)
    }

    fn expression_holds(&self, of: &Occurrence<'_>) -> Result<bool, Fault> {
        let Some(expression) = &self.expression else { return Ok(true) };
        let Some(focus) = of.after.or(of.before) else { return Ok(false) };
        let variables = [("previous", items(of.before)), ("current", items(of.after))];
        let context = Context { variables: &variables, ..Context::new(focus, of.now) };
        let found = expression.evaluate(&context)?;
        Ok(matches!(found[..], [Item::Boolean(true)])
            || matches!(&found[..], [Item::Node(node)] if node.value().as_bool() == Some(true)))
    }
}

fn items(of: Option<&Value>) -> Vec<Item<'_>> {
    of.map(|v| Item::Node(PathNode::root(v))).into_iter().collect()
}

/// `Encounter` of `http://hl7.org/fhir/StructureDefinition/Encounter`.
fn kind_of(element: Option<&Value>) -> String {
    text_of(element).rsplit('/').next().unwrap_or_default().to_owned()
}

/// Extensions named by their whole url or, inside others, by the name alone.
fn named<'v>(element: &'v Value, name: &'v str) -> impl Iterator<Item = &'v Value> {
    let is_one = move |e: &&Value| {
        let url = e.str_of("url");
        url == name || url.rsplit_once("extension-SubscriptionTopic.").is_some_and(|(_, n)| n == name)
    };
    element["extension"].items().iter().filter(is_one)
}

fn part<'v>(element: &'v Value, name: &'v str) -> Option<&'v Value> {
    named(element, name).next()
}

fn text_of(extension: Option<&Value>) -> &str {
    const KEYS: [&str; 6] =
        ["valueUri", "valueCode", "valueString", "valueCanonical", "valueUrl", "valueMarkdown"];
    extension.and_then(|e| KEYS.iter().find_map(|key| e[*key].as_str())).unwrap_or_default()
}

/// The url of a Basic that is a topic.
fn url_of(basic: &Value) -> Option<&str> {
    let is_topic = basic["code"]["coding"].items().iter().any(|c| c.str_of("code") == "SubscriptionTopic");
    Some(text_of(part(basic, "url"))).filter(|url| is_topic && !url.is_empty())
}

/// Keeps a topic's url with the Basic that has it; one that cannot be worked by is refused.
pub fn written(tx: &mut Tx<'_>, basic: &Value, zone: &str, now: Instant) -> Result<(), Fault> {
    let Some(url) = url_of(basic) else { return Ok(()) };
    if url.len() > URL_BYTES_MAX {
        return Err(Fault::too_costly("the topic's url is too long"));
    }
    Topic::read(basic, zone)?;
    let kept = tx.document(BY_URL, url)?.and_then(|d| String::from_utf8(d.body).ok());
    if kept.as_deref().is_some_and(|id| id != basic.id()) && find(tx, url)?.is_some() {
        return Err(Fault::conflict("another Basic is the topic of this url"));
    }
    tx.replace_document(BY_URL, url, basic.id().as_bytes(), now).map(|_| ())
}

/// The Basic of a topic, by canonical with or without a version.
pub fn find(view: &View<'_>, canonical: &str) -> Result<Option<Value>, Fault> {
    let url = canonical.split('|').next().unwrap_or_default();
    let id = view.document(BY_URL, url)?.and_then(|d| String::from_utf8(d.body).ok());
    let Some(id) = id else { return Ok(None) };
    let stored = view.get("Basic", &id)?.filter(|s| !s.deleted && url_of(&s.body) == Some(url));
    Ok(stored.map(|s| s.body))
}

/// The urls of all topics.
pub fn urls(view: &View<'_>) -> Result<Vec<String>, Fault> {
    view.document_keys(BY_URL, "", 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_fhir::fhir;

    const ZONE: &str = "America/Mexico_City";

    fn topic(criteria: Value) -> Topic {
        let basic = fhir!({
            "resourceType": "Basic", "id": "t",
            "code": { "coding": [{ "system": "http://hl7.org/fhir/fhir-types", "code": "SubscriptionTopic" }] },
            "extension": [
                { "url": "http://hl7.org/fhir/4.3/StructureDefinition/extension-SubscriptionTopic.url", "valueUri": "https://example.org/t" },
                { "url": "http://hl7.org/fhir/4.3/StructureDefinition/extension-SubscriptionTopic.resourceTrigger", "extension": [
                    { "url": "resource", "valueUri": "http://hl7.org/fhir/StructureDefinition/Encounter" }, criteria
                ] },
                { "url": "http://hl7.org/fhir/4.3/StructureDefinition/extension-SubscriptionTopic.canFilterBy", "extension": [
                    { "url": "filterParameter", "valueString": "patient" }
                ] }
            ]
        });
        Topic::read(&basic, ZONE).expect("a topic")
    }

    fn fits(resource: &Value, filters: &[Filter]) -> Result<bool, Fault> {
        let others = search::Others { resolve: &|_, _| None, of_type: &|_| Vec::new(), terminology: None };
        search::matches(resource, filters, ZONE, &others)
    }

    fn encounter(status: &str) -> Value {
        fhir!({ "resourceType": "Encounter", "id": "e", "status": status })
    }

    fn tells(topic: &Topic, before: Option<&str>, after: Option<&str>) -> bool {
        let (before, after) = (before.map(encounter), after.map(encounter));
        let happened = match (&before, &after) {
            (None, _) => Happened::Create,
            (_, None) => Happened::Delete,
            _ => Happened::Update,
        };
        let of = Occurrence {
            happened,
            before: before.as_ref(),
            after: after.as_ref(),
            now: Instant::from_seconds(0),
        };
        topic.tells("Encounter", &of, &fits).expect("decided")
    }

    #[test]
    fn an_encounter_that_ends_is_told_once_and_not_when_it_is_changed_later() {
        let ended = topic(fhir!({ "url": "queryCriteria", "extension": [
            { "url": "previous", "valueString": "status:not=finished" },
            { "url": "resultForCreate", "valueCode": "test-passes" },
            { "url": "current", "valueString": "status=finished" },
            { "url": "resultForDelete", "valueCode": "test-fails" },
            { "url": "requireBoth", "valueBoolean": true }
        ] }));
        assert!(tells(&ended, Some("in-progress"), Some("finished")));
        assert!(tells(&ended, None, Some("finished")));
        assert!(!tells(&ended, Some("finished"), Some("finished")));
        assert!(!tells(&ended, Some("in-progress"), Some("cancelled")));
        assert!(!tells(&ended, Some("in-progress"), None));
    }

    #[test]
    fn an_expression_sees_what_was_and_what_is() {
        let path = "%previous.status != 'finished' and %current.status = 'finished'";
        let ended = topic(fhir!({ "url": "fhirPathCriteria", "valueString": path }));
        assert!(tells(&ended, Some("in-progress"), Some("finished")));
        assert!(!tells(&ended, Some("finished"), Some("finished")));
    }

    #[test]
    fn a_subscription_narrows_a_topic_only_by_what_the_topic_allows() {
        let any = topic(fhir!({ "url": "description", "valueString": "any" }));
        assert_eq!(any.narrowed("Encounter?patient=Patient/1", ZONE).expect("allowed").len(), 1);
        assert_eq!(any.narrowed("patient=Patient/1", ZONE).expect("allowed").len(), 1);
        assert!(any.narrowed("Encounter?status=finished", ZONE).is_err());
    }
}
