//! Consent as a citizen gives and withdraws it, compiled to a decision of a few comparisons (IHE PCF; house, invariant 3). Pure.
//!
//! A permission opens what it names and no more: where it names no purpose it is for care, where it names no class it is for those that
//! are not sensitive, and a sensitive class stays open for a year. A refusal closes all that it does not limit.
//!
//! Several may speak for one person. For a minor their words and those of each parent or guardian stand beside each other, and the more
//! protective holds. For somebody of age their own word holds, then that of whom they gave a power of attorney. What those refused
//! whose standing has ended stays refused until the person has spoken.

use crate::class::{DataClass, SENSITIVE};
use badiano_kernel::principal::{Role, Staff};
use badiano_kernel::{Instant, Purpose};
use std::sync::LazyLock;

/// A permission for a sensitive class lapses after this long unless it is given again.
pub const SENSITIVE_SECONDS: i64 = 365 * 86_400;
/// Sentences that one person's consent has at most.
pub const RULES_MAX: usize = 256;

/// For whom a sentence is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// CLUES of the institution that asks.
    Institution(String),
    /// Professional licence (cédula) of the person who asks, wherever they work.
    Professional(String),
    /// Everybody who has this role, wherever they work.
    Role(Role),
    /// Whoever acts in the person's place: what is closed to them is no matter of institutions.
    Representatives,
}

/// Who has said a sentence, where it was not the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    /// The representation, as the hub names it.
    pub representation: String,
    /// Beside the person (parents and guardians) or where they are silent (powers of attorney).
    pub beside: bool,
    /// When the standing ends or has ended.
    pub to: Option<Instant>,
}

/// One sentence of a consent. An absent field means "any", as far as the module says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub permit: bool,
    pub class: Option<DataClass>,
    pub recipient: Option<Recipient>,
    pub purpose: Option<Purpose>,
    pub from: Instant,
    pub to: Option<Instant>,
    /// Nobody: the person.
    pub by: Option<Speaker>,
}

/// What is to be decided. `source` is the institution that recorded the data.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// CLUES of the institution that asks.
    pub recipient: &'a str,
    /// The person who asks there, where it is one.
    pub staff: Option<&'a Staff>,
    pub source: &'a str,
    pub purpose: Purpose,
    /// Mask of data classes.
    pub classes: u64,
    pub now: Instant,
}

/// All rules of one person, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Consent {
    pub rules: Vec<Rule>,
}

impl Recipient {
    fn is(&self, q: &Question<'_>) -> bool {
        match self {
            Recipient::Institution(clues) => clues == q.recipient,
            Recipient::Professional(cedula) => q.staff.is_some_and(|s| s.cedula.as_ref() == Some(cedula)),
            Recipient::Role(role) => q.staff.is_some_and(|s| s.roles.contains(role)),
            Recipient::Representatives => false,
        }
    }

    /// A person is more exact than an institution, and that more than a role.
    fn weight(&self) -> u8 {
        match self {
            Recipient::Professional(_) => 12,
            Recipient::Institution(_) => 8,
            Recipient::Role(_) | Recipient::Representatives => 4,
        }
    }
}

impl Rule {
    fn speaks_to(&self, class: DataClass, q: &Question<'_>) -> bool {
        self.names(class)
            && self.recipient.as_ref().is_none_or(|r| r.is(q))
            && self.is_for(q.purpose)
            && self.from <= q.now
            && self.end_for(class).is_none_or(|end| q.now < end)
    }

    fn names(&self, class: DataClass) -> bool {
        match self.class {
            Some(named) => named == class,
            None => !(self.permit && class.is_sensitive()),
        }
    }

    fn is_for(&self, purpose: Purpose) -> bool {
        match self.purpose {
            Some(named) => named == purpose,
            None => !self.permit || purpose == Purpose::Treatment,
        }
    }

    fn end_for(&self, class: DataClass) -> Option<Instant> {
        let lapse = (self.permit && class.is_sensitive()).then(|| self.from.plus_seconds(SENSITIVE_SECONDS));
        match (self.to, lapse) {
            (Some(to), Some(lapse)) => Some(to.min(lapse)),
            (to, lapse) => to.or(lapse),
        }
    }

    /// More exactly said outranks more generally said.
    fn weight(&self) -> u8 {
        self.recipient.as_ref().map_or(0, Recipient::weight)
            + u8::from(self.class.is_some()) * 2
            + u8::from(self.purpose.is_some())
    }

    /// Whether it opens what only an advanced electronic signature may open.
    pub fn opens_sensitive(&self) -> bool {
        self.permit && self.class.is_some_and(DataClass::is_sensitive)
    }

    /// Whether it names one institution or person, so that it holds for what they recorded themselves too.
    fn names_somebody(&self) -> bool {
        matches!(self.recipient, Some(Recipient::Institution(_) | Recipient::Professional(_)))
    }
}

impl Consent {
    /// One more sentence. What said the same before it, and would never speak again, leaves (it stays in the versions).
    pub fn say(&mut self, rule: Rule) {
        let who = |r: &Rule| r.by.as_ref().map(|s| s.representation.clone());
        let about = |r: &Rule| (r.class, r.recipient.clone(), r.purpose, who(r));
        if rule.to.is_none() {
            self.rules.retain(|r| about(r) != about(&rule));
        }
        self.rules.push(rule);
    }

    /// Whether data of these classes may go to the recipient. Every class must be open.
    pub fn permits(&self, q: &Question<'_>) -> bool {
        DataClass::ALL
            .into_iter()
            .filter(|c| q.classes & c.bit() != 0)
            .all(|class| self.permits_class(class, q))
    }

    fn permits_class(&self, class: DataClass, q: &Question<'_>) -> bool {
        if class == DataClass::Public {
            return true;
        }
        let word = if self.rules.iter().all(|r| r.by.is_none()) {
            word_of(self.rules.iter(), class, q)
        } else {
            self.joint_word(class, q)
        };
        word.unwrap_or_else(|| default_by_law(class, q))
    }

    /// What all who speak for one person come to; nothing where nobody speaks to the question.
    fn joint_word(&self, class: DataClass, q: &Question<'_>) -> Option<bool> {
        let own = word_of(self.rules.iter().filter(|r| r.by.is_none()), class, q);
        let (mut beside, mut instead, mut former) = (None, None, None);
        let mut heard: Vec<&str> = Vec::new();
        for speaker in self.rules.iter().filter_map(|r| r.by.as_ref()) {
            if heard.contains(&speaker.representation.as_str()) {
                continue;
            }
            heard.push(&speaker.representation);
            let theirs =
                |r: &&Rule| r.by.as_ref().is_some_and(|s| s.representation == speaker.representation);
            let word = word_of(self.rules.iter().filter(theirs), class, q);
            let place = match (speaker.to.is_some_and(|to| to <= q.now), speaker.beside) {
                (true, _) => {
                    former = more_protective(former, word.filter(|open| !open));
                    continue;
                }
                (false, true) => &mut beside,
                (false, false) => &mut instead,
            };
            *place = more_protective(*place, word);
        }
        more_protective(own, beside).or(instead).or(former)
    }

    /// The classes that the person has closed to whoever acts in their place, as a mask.
    pub fn closed_to_representatives(&self, now: Instant) -> u64 {
        let speaks = |r: &&Rule| {
            r.recipient == Some(Recipient::Representatives)
                && r.by.is_none()
                && r.from <= now
                && r.to.is_none_or(|end| now < end)
        };
        let closed = |class: &DataClass| {
            let words = self.rules.iter().filter(speaks).filter(|r| r.names(*class));
            words.max_by_key(|r| r.weight()).is_some_and(|r| !r.permit)
        };
        DataClass::ALL.into_iter().filter(closed).fold(0, |mask, class| mask | class.bit())
    }

    /// What a representative may know of it: nothing of what is closed to them, nor that it is.
    #[must_use]
    pub fn without(&self, closed: u64) -> Consent {
        let known = |r: &&Rule| {
            r.recipient != Some(Recipient::Representatives) && r.class.is_none_or(|c| c.bit() & closed == 0)
        };
        Consent { rules: self.rules.iter().filter(known).cloned().collect() }
    }

    /// The standing of a representative ends, or has another end.
    pub fn end_speaker(&mut self, representation: &str, to: Option<Instant>) {
        for speaker in self.rules.iter_mut().filter_map(|r| r.by.as_mut()) {
            if speaker.representation == representation {
                speaker.to = to;
            }
        }
    }
}

/// The last of the weightiest rules that speak to the question decides.
fn word_of<'r>(rules: impl Iterator<Item = &'r Rule>, class: DataClass, q: &Question<'_>) -> Option<bool> {
    let spoken = rules.filter(|r| r.speaks_to(class, q)).max_by_key(|r| r.weight())?;
    // What an institution itself recorded stays with its own staff unless the citizen names it.
    let stays = !spoken.permit && q.recipient == q.source && !spoken.names_somebody();
    Some(spoken.permit || stays)
}

fn more_protective(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one && other),
        (one, other) => one.or(other),
    }
}

/// What law and institutions have set where the person has said nothing: `consent_defaults.csv`, one line for each thing that is open.
struct Default {
    own: bool,
    purpose: Purpose,
    sensitive_too: bool,
}

static DEFAULTS: LazyLock<Vec<Default>> = LazyLock::new(|| {
    let default = |line: &'static str| {
        let mut cells = line.splitn(5, ',');
        let mut cell = || cells.next().expect("the table has five columns");
        let (own, purpose) =
            (cell() == "own", Purpose::from_code(cell()).expect("the table names purposes that are"));
        let sensitive_too = cell() == "any";
        assert_eq!(cell(), "permit", "what no line opens is closed");
        Default { own, purpose, sensitive_too }
    };
    include_str!("consent_defaults.csv").lines().skip(1).map(default).collect()
});

fn default_by_law(class: DataClass, q: &Question<'_>) -> bool {
    let own = q.recipient == q.source;
    let plain = class.bit() & SENSITIVE == 0;
    DEFAULTS.iter().any(|d| d.own == own && d.purpose == q.purpose && (d.sensitive_too || plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NORTE: &str = "DFSSA000001";
    const SUR: &str = "DFSSA000002";

    fn asks(recipient: &str, classes: u64) -> Question<'_> {
        Question {
            recipient,
            staff: None,
            source: NORTE,
            purpose: Purpose::Treatment,
            classes,
            now: Instant::from_seconds(100),
        }
    }

    fn withdrawn(recipient: Option<&str>, class: Option<DataClass>) -> Rule {
        Rule {
            permit: false,
            class,
            recipient: recipient.map(|r| Recipient::Institution(r.to_owned())),
            purpose: None,
            from: Instant::from_seconds(50),
            to: None,
            by: None,
        }
    }

    fn by(rule: Rule, representation: &str, beside: bool, to: Option<i64>) -> Rule {
        let to = to.map(Instant::from_seconds);
        Rule { by: Some(Speaker { representation: representation.into(), beside, to }), ..rule }
    }

    #[test]
    fn care_is_open_and_sensitive_classes_are_not() {
        let silent = Consent::default();
        assert!(silent.permits(&asks(SUR, DataClass::Imaging.bit())));
        assert!(!silent.permits(&asks(SUR, DataClass::Imaging.bit() | DataClass::Hiv.bit())));
        assert!(silent.permits(&asks(NORTE, DataClass::Hiv.bit())));
        assert!(
            !silent.permits(&Question { purpose: Purpose::Research, ..asks(SUR, DataClass::Imaging.bit()) })
        );
    }

    #[test]
    fn a_withdrawal_closes_one_class_for_one_institution_and_nothing_else() {
        let consent = Consent { rules: vec![withdrawn(Some(SUR), Some(DataClass::Imaging))] };
        assert!(!consent.permits(&asks(SUR, DataClass::Imaging.bit())));
        assert!(consent.permits(&asks(SUR, DataClass::Reports.bit())));
        assert!(consent.permits(&asks("DFSSA000003", DataClass::Imaging.bit())));
        assert!(consent.permits(&asks(NORTE, DataClass::Imaging.bit())));
    }

    #[test]
    fn a_later_grant_outranks_the_withdrawal_before_it() {
        let mut consent = Consent { rules: vec![withdrawn(Some(SUR), Some(DataClass::Imaging))] };
        consent.rules.push(Rule {
            permit: true,
            from: Instant::from_seconds(60),
            ..consent.rules[0].clone()
        });
        assert!(consent.permits(&asks(SUR, DataClass::Imaging.bit())));
    }

    #[test]
    fn closing_everything_leaves_the_recording_institution_its_own_work() {
        let consent = Consent { rules: vec![withdrawn(None, None)] };
        assert!(!consent.permits(&asks(SUR, DataClass::Reports.bit())));
        assert!(consent.permits(&asks(NORTE, DataClass::Reports.bit())));
        let named = Consent { rules: vec![withdrawn(Some(NORTE), None)] };
        assert!(!named.permits(&asks(NORTE, DataClass::Reports.bit())));
    }

    #[test]
    fn a_permission_opens_what_it_names_and_no_more() {
        let open = |class| Consent { rules: vec![Rule { permit: true, ..withdrawn(Some(SUR), class) }] };
        let all = open(None);
        assert!(!all.permits(&asks(SUR, DataClass::Hiv.bit())), "a sensitive class is opened by name");
        let research = Question { purpose: Purpose::Research, ..asks(SUR, DataClass::Imaging.bit()) };
        assert!(!all.permits(&research), "a permission is for care unless it says otherwise");
        let named = open(Some(DataClass::Hiv));
        assert!(named.permits(&asks(SUR, DataClass::Hiv.bit())));
        let later = Instant::from_seconds(50 + SENSITIVE_SECONDS);
        assert!(
            !named.permits(&Question { now: later, ..asks(SUR, DataClass::Hiv.bit()) }),
            "it lapses after a year"
        );
    }

    #[test]
    fn a_professional_outranks_their_institution_and_that_their_role() {
        let staff = Staff {
            account: "a".into(),
            name: "A".into(),
            roles: vec![Role::Clinician],
            institution: SUR.into(),
            cedula: Some("99000001".into()),
        };
        let asked = Question { staff: Some(&staff), ..asks(SUR, DataClass::Imaging.bit()) };
        let said = |permit, recipient| Rule { permit, recipient: Some(recipient), ..withdrawn(None, None) };
        let mut consent = Consent { rules: vec![said(false, Recipient::Role(Role::Clinician))] };
        assert!(!consent.permits(&asked));
        assert!(consent.permits(&Question { staff: None, ..asked }), "a system has no role");
        consent.rules.insert(0, said(true, Recipient::Institution(SUR.into())));
        assert!(consent.permits(&asked));
        consent.rules.insert(0, said(false, Recipient::Professional("99000001".into())));
        assert!(!consent.permits(&asked));
        let at_home = Question { source: SUR, ..asked };
        assert!(!consent.permits(&at_home), "a person who is named is closed out where they recorded it too");
    }

    #[test]
    fn of_two_parents_who_disagree_the_more_protective_holds_whoever_spoke_last() {
        let closed = withdrawn(Some(SUR), Some(DataClass::Imaging));
        let open = Rule { permit: true, from: Instant::from_seconds(60), ..closed.clone() };
        let asked = asks(SUR, DataClass::Imaging.bit());
        for rules in [
            vec![by(closed.clone(), "mother", true, None), by(open.clone(), "father", true, None)],
            vec![by(open.clone(), "mother", true, None), by(closed.clone(), "father", true, None)],
            vec![closed.clone(), by(open.clone(), "father", true, None)],
            vec![open.clone(), by(closed.clone(), "father", true, None)],
        ] {
            assert!(!Consent { rules: rules.clone() }.permits(&asked), "{rules:?}");
        }
        let both = vec![by(open.clone(), "mother", true, None), by(open, "father", true, None)];
        assert!(Consent { rules: both }.permits(&asked));
    }

    #[test]
    fn of_age_the_persons_own_word_outranks_former_parents_and_attorneys() {
        let closed = withdrawn(Some(SUR), Some(DataClass::Imaging));
        let open = Rule { permit: true, from: Instant::from_seconds(60), ..closed.clone() };
        let asked = asks(SUR, DataClass::Imaging.bit());
        let former = by(closed.clone(), "mother", true, Some(90));
        let said = |rules| Consent { rules }.permits(&asked);
        assert!(!said(vec![former.clone()]), "what they refused stays so");
        assert!(said(vec![former, open.clone()]), "until the person speaks");
        assert!(said(vec![open.clone(), by(closed.clone(), "attorney", false, None)]));
        assert!(!said(vec![by(closed, "attorney", false, None)]), "who is silent has an attorney speak");
        let studies = Rule { purpose: Some(Purpose::Research), ..open };
        let research = Question { purpose: Purpose::Research, ..asked };
        let opens =
            |to| Consent { rules: vec![by(studies.clone(), "attorney", false, to)] }.permits(&research);
        assert!(opens(Some(110)) && !opens(Some(90)), "a power that has ended opens nothing");
    }

    #[test]
    fn what_is_closed_to_representatives_is_no_matter_of_institutions() {
        let close = |class| Rule { recipient: Some(Recipient::Representatives), ..withdrawn(None, class) };
        let mut consent =
            Consent { rules: vec![close(Some(DataClass::MentalHealth)), close(Some(DataClass::Imaging))] };
        let now = Instant::from_seconds(100);
        let closed = DataClass::MentalHealth.bit() | DataClass::Imaging.bit();
        assert_eq!(consent.closed_to_representatives(now), closed);
        assert!(consent.permits(&asks(SUR, DataClass::Imaging.bit())));
        assert!(consent.without(closed).rules.is_empty());
        consent.say(Rule { permit: true, ..close(Some(DataClass::Imaging)) });
        assert_eq!(consent.closed_to_representatives(now), DataClass::MentalHealth.bit());
        let everything = Consent { rules: vec![close(None)] };
        assert_eq!(everything.closed_to_representatives(now).count_ones() as usize, DataClass::ALL.len());
    }
}
