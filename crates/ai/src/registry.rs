//! The register of models: a model is a FHIR R4 Device of our own type; admitting and suspending are versions of it, by an administrator.

use badiano_fhir::search::{self, Query};
use badiano_fhir::{Value, fhir};
use badiano_kernel::Fault;
use badiano_record::Session;
use badiano_record::resources::Precondition;
use serde::{Deserialize, Serialize};

/// The type of a Device that is a model.
const SYSTEM: &str = "urn:badiano:device-type";
const CODE: &str = "ai-model";
/// Models that one answer lists; a house has few.
const MODELS_MAX: usize = 200;
/// Letters of a name, a version, a maker.
const NAME_MAX: usize = 200;
/// Letters of an intended use or a reason.
const TEXT_MAX: usize = 4_000;

/// What a maker says of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    pub name: String,
    pub version: String,
    pub maker: String,
    /// What it may be used for, in the words of its approval.
    pub intended_use: String,
}

/// A model of the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    pub id: String,
    #[serde(flatten)]
    pub description: Description,
    /// Admitted by somebody; a model is described first, and used only when admitted.
    pub admitted: bool,
    /// Why it was admitted or suspended.
    pub reason: String,
}

/// Every model that the session may see, by id.
pub fn models(session: &Session) -> Result<Vec<Model>, Fault> {
    let asked = [("type".to_owned(), format!("{SYSTEM}|{CODE}"))];
    let parsed = search::parse("Device", &asked, true, &session.node().settings().zone)?;
    let page = session.search(&Query { count: MODELS_MAX, ..parsed.query })?;
    let mut models: Vec<Model> = page.hits.iter().map(|hit| of_device(&hit.resource)).collect();
    models.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(models)
}

/// Describes a model, or describes it anew: what is described anew has to be admitted again.
pub async fn describe(session: &Session, id: &str, description: Description) -> Result<Model, Fault> {
    session.may_administer()?;
    let short = [&description.name, &description.version, &description.maker];
    if short.into_iter().any(|text| text.trim().is_empty() || text.chars().count() > NAME_MAX) {
        return Err(Fault::invalid("a model has a name, a version and a maker, of at most 200 letters each"));
    }
    if description.intended_use.trim().is_empty() || description.intended_use.chars().count() > TEXT_MAX {
        return Err(Fault::invalid("a model has an intended use, of at most 4,000 letters"));
    }
    if let Ok(known) = session.read("Device", id)
        && !is_model(&known.resource)
    {
        return Err(Fault::conflict("a device of this id is not a model"));
    }
    let model = Model { id: id.to_owned(), description, admitted: false, reason: String::new() };
    session.update(to_device(&model), Precondition::None).await?;
    Ok(model)
}

/// Admits or suspends, with the reason; the version that was decided on is the one that changes.
pub async fn decide(session: &Session, id: &str, admitted: bool, reason: &str) -> Result<Model, Fault> {
    session.may_administer()?;
    if reason.trim().is_empty() || reason.chars().count() > TEXT_MAX {
        return Err(Fault::invalid("admitting and suspending take a reason, of at most 4,000 letters"));
    }
    let known = session.read("Device", id)?;
    if !is_model(&known.resource) {
        return Err(Fault::not_found("no such model"));
    }
    let model = Model { admitted, reason: reason.trim().to_owned(), ..of_device(&known.resource) };
    session.update(to_device(&model), Precondition::Version(known.version)).await?;
    Ok(model)
}

fn is_model(device: &Value) -> bool {
    let codings = device["type"]["coding"].items();
    codings.iter().any(|c| c.str_of("system") == SYSTEM && c.str_of("code") == CODE)
}

fn to_device(model: &Model) -> Value {
    let d = &model.description;
    let mut device = fhir!({
        "resourceType": "Device",
        "id": (model.id.as_str()),
        "status": (if model.admitted { "active" } else { "inactive" }),
        "manufacturer": (d.maker.trim()),
        "deviceName": [{ "name": (d.name.trim()), "type": "model-name" }],
        "type": { "coding": [{ "system": SYSTEM, "code": CODE }] },
        "version": [{ "value": (d.version.trim()) }],
        "note": [{ "text": (d.intended_use.trim()) }]
    });
    if !model.reason.is_empty() {
        device.set("statusReason", vec![fhir!({ "text": (model.reason.as_str()) })]);
    }
    device
}

fn of_device(device: &Value) -> Model {
    let first = |list: &str, part: &str| {
        device[list].items().first().map_or(String::new(), |item| item.str_of(part).to_owned())
    };
    Model {
        id: device.str_of("id").to_owned(),
        description: Description {
            name: first("deviceName", "name"),
            version: first("version", "value"),
            maker: device.str_of("manufacturer").to_owned(),
            intended_use: first("note", "text"),
        },
        admitted: device.str_of("status") == "active",
        reason: first("statusReason", "text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let description = Description {
            name: "Neumotórax".into(),
            version: "2.1".into(),
            maker: "Casa".into(),
            intended_use: "Radiografías de tórax de adultos".into(),
        };
        Model { id: "pneumothorax".into(), description, admitted: true, reason: "comité de julio".into() }
    }

    #[test]
    fn a_model_is_a_valid_device_and_is_read_back_from_it() {
        let device = to_device(&model());
        let errors: Vec<_> =
            badiano_fhir::validate::validate(&device).into_iter().filter(|i| i.is_error()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(of_device(&device), model());
        assert!(is_model(&device));
        assert!(!is_model(&fhir!({ "resourceType": "Device", "type": { "coding": [{ "code": CODE }] } })));
    }
}
