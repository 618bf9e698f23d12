//! How a node tells another for whom and why it asks: one header, believed only over a mutually authenticated connection.

use badiano_kernel::principal::{Representative, Role, Staff};
use badiano_kernel::{Fault, Instant, Purpose};
use badiano_record::class::DataClass;
use badiano_record::emergency::Emergency;
use badiano_record::participants::InPlace;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};

/// The header's name. Its value is base64 of JSON, so that names keep their accents.
pub const HEADER: &str = "x-badiano-on-behalf";
/// A longer value is refused unread.
const BYTES_MAX: usize = 4096;

/// For whom, why, and about whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnBehalf {
    pub account: String,
    pub name: String,
    pub roles: Vec<String>,
    /// CLUES that vouches for the person; empty when the citizen asks for themselves.
    pub institution: String,
    pub cedula: Option<String>,
    /// Code of the purpose of use.
    pub purpose: String,
    pub reason: Option<String>,
    /// Emergency: when the professional signed in again for it, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in: Option<i64>,
    /// Emergency: codes of the sensitive classes that were asked for by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<String>,
    /// CURP of the person asked about.
    pub person: String,
    /// The citizen acts in that person's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place: Option<InPlace>,
}

impl OnBehalf {
    pub fn of_staff(staff: &Staff, purpose: Purpose, emergency: Option<&Emergency>, person: &str) -> Self {
        let sensitive = |e: &Emergency| {
            let named = DataClass::ALL.into_iter().filter(|c| c.is_sensitive() && e.sensitive & c.bit() != 0);
            named.map(|c| c.code().to_owned()).collect()
        };
        OnBehalf {
            account: staff.account.clone(),
            name: staff.name.clone(),
            roles: staff.roles.iter().map(|r| r.code().to_owned()).collect(),
            institution: staff.institution.clone(),
            cedula: staff.cedula.clone(),
            purpose: purpose.code().to_owned(),
            reason: emergency.map(|e| e.reason.clone()),
            signed_in: emergency.map(|e| e.signed_in.micros),
            sensitive: emergency.map(sensitive).unwrap_or_default(),
            person: person.to_owned(),
            in_place: None,
        }
    }

    /// The citizen's own request, passed on by the hub.
    pub fn of_citizen(person: &str) -> Self {
        OnBehalf {
            account: String::new(),
            name: String::new(),
            roles: Vec::new(),
            institution: String::new(),
            cedula: None,
            purpose: Purpose::PatientRequest.code().to_owned(),
            reason: None,
            signed_in: None,
            sensitive: Vec::new(),
            person: person.to_owned(),
            in_place: None,
        }
    }

    /// The request of who acts in a person's place, passed on by the hub.
    pub fn of_representative(representative: &Representative) -> Self {
        OnBehalf {
            name: representative.name.clone(),
            in_place: Some(InPlace {
                curp: representative.curp.clone(),
                standing: representative.standing.code().to_owned(),
                representation: representative.representation.clone(),
            }),
            ..OnBehalf::of_citizen(&representative.person)
        }
    }

    pub fn to_header(&self) -> String {
        BASE64.encode(serde_json::to_vec(self).expect("plain text fields are always printable"))
    }

    pub fn parse(header: &str) -> Result<Self, Fault> {
        let bad = || Fault::invalid(format!("the header {HEADER} cannot be read"));
        if header.len() > BYTES_MAX {
            return Err(bad());
        }
        serde_json::from_slice(&BASE64.decode(header).map_err(|_| bad())?).map_err(|_| bad())
    }

    pub fn purpose(&self) -> Result<Purpose, Fault> {
        Purpose::from_code(&self.purpose).ok_or_else(|| Fault::invalid("no such purpose of use"))
    }

    /// The emergency that the other node vouches for; one without a sign-in or a reason is none.
    pub fn emergency(&self) -> Result<Option<Emergency>, Fault> {
        if self.purpose()? != Purpose::Emergency {
            return Ok(None);
        }
        let missing = || Fault::invalid("emergency access needs a reason and a sign-in of its own");
        Ok(Some(Emergency {
            person: self.person.clone(),
            reason: self.reason.clone().ok_or_else(missing)?,
            signed_in: Instant::from_micros(self.signed_in.ok_or_else(missing)?),
            sensitive: sensitive_classes(&self.sensitive)?,
        }))
    }

    /// The member of staff, or nothing when the citizen asks.
    pub fn staff(&self) -> Option<Staff> {
        let roles = self.roles.iter().filter_map(|r| Role::from_code(r)).collect();
        (!self.institution.is_empty()).then(|| Staff {
            account: self.account.clone(),
            name: self.name.clone(),
            roles,
            institution: self.institution.clone(),
            cedula: self.cedula.clone(),
        })
    }
}

/// The mask of sensitive classes by their codes; any other class is open in an emergency and is not asked for.
pub fn sensitive_classes(codes: &[String]) -> Result<u64, Fault> {
    let bit = |code: &String| DataClass::from_code(code).filter(|c| c.is_sensitive()).map(DataClass::bit);
    let mut bits =
        codes.iter().map(|c| bit(c).ok_or_else(|| Fault::invalid("no such sensitive class").at("sensitive")));
    bits.try_fold(0, |mask, bit| Ok(mask | bit?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_accents_on_the_wire() {
        let mut asked = OnBehalf::of_citizen("SABC560626MDFLRN01");
        asked.name = "Íñigo Núñez".into();
        assert_eq!(OnBehalf::parse(&asked.to_header()), Ok(asked));
        assert!(OnBehalf::parse("%%%").is_err());
        assert!(OnBehalf::parse(&"A".repeat(5000)).is_err());
    }
}
