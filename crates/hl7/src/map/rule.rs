//! Which segment begins which resource, as data (after the message maps of the HL7 v2-to-FHIR guide).

use crate::message::Location;

/// One line of `[segments]`: `SEGMENT BLOCK options`.
#[derive(Debug, Clone, Default)]
pub(super) struct Rule {
    /// The segment that begins it.
    pub leader: String,
    /// The block whose rows fill it.
    pub block: String,
    /// Its type of resource: the block's name, if `resource=` says nothing else.
    pub resource: String,
    /// Segments behind the leader that belong to it.
    pub with: Vec<String>,
    /// The whole order group becomes it.
    pub order: bool,
    /// Its OBX are its content.
    pub document: bool,
    /// The patient takes part in it.
    pub participant: bool,
    /// Told of the message beside the clinical resources.
    pub aside: bool,
    /// Message codes (MSH-9.1) in which the rule holds; all where there are none.
    pub kinds: Vec<String>,
    /// It is no resource of its own, but an item of a list of the newest resource of a type; or, without a list, that resource itself.
    pub into: Option<(String, String)>,
    /// Where the patient is referred to; a list where it ends in `[]`.
    pub subject: Option<String>,
    pub encounter: Option<String>,
    /// A reference to the newest resource of a type: element and type.
    pub refer: Option<(String, String)>,
    /// What makes it the same again in a later message, where it has no number.
    pub key: Vec<Location>,
    /// Its numbers may be borne by many patients' (a plan, a mother of two): the one that is made of the patient's comes first.
    pub shared: bool,
    /// One of these elements must have been said.
    pub needs: Vec<String>,
    /// It is not made where its order group has this segment.
    pub unless_group: Option<String>,
}

impl Rule {
    pub fn read(words: &[&str]) -> Result<Rule, String> {
        let [leader, block, options @ ..] = words else {
            return Err("a rule has a segment and a block".to_owned());
        };
        let mut rule = Rule {
            leader: (*leader).to_owned(),
            block: (*block).to_owned(),
            resource: (*block).to_owned(),
            ..Rule::default()
        };
        for option in options {
            let (name, value) =
                option.split_once('=').ok_or_else(|| "an option is written name=value".to_owned())?;
            let list = || value.split(',').map(str::to_owned).collect::<Vec<String>>();
            let place =
                |text: &str| Location::parse(text).ok_or_else(|| "a place is written AL1-3".to_owned());
            match name {
                "resource" => rule.resource = value.to_owned(),
                "with" => rule.with = list(),
                "order" => rule.order = value == "yes",
                "document" => rule.document = value == "yes",
                "participant" => rule.participant = value == "yes",
                "aside" => rule.aside = value == "yes",
                "kinds" => rule.kinds = list(),
                "into" => {
                    let (kind, path) = value.split_once('.').unwrap_or((value, ""));
                    rule.into = Some((kind.to_owned(), path.to_owned()));
                }
                "subject" => rule.subject = Some(value.to_owned()),
                "encounter" => rule.encounter = Some(value.to_owned()),
                "refer" => {
                    let (path, kind) = value.split_once(':').ok_or("refer=ELEMENT:TYPE")?;
                    rule.refer = Some((path.to_owned(), kind.to_owned()));
                }
                "key" => rule.key = value.split(',').map(place).collect::<Result<_, _>>()?,
                "shared" => rule.shared = value == "yes",
                "needs" => rule.needs = list(),
                "unless-group" => rule.unless_group = Some(value.to_owned()),
                _ => return Err(format!("no such option: {name}")),
            }
        }
        Ok(rule)
    }
}
