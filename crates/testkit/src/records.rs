//! A person's clinical record as one transaction bundle: Patient, Encounters, Observations, Conditions, MedicationRequests (FHIR R4).

use crate::people;
use crate::rng::Rng;
use badiano_fhir::{Value, fhir};

/// Encounters of one record.
pub const ENCOUNTERS: u64 = 4;
/// Observations of one record; every sixth is a blood pressure panel of two components.
pub const OBSERVATIONS: u64 = 60;
/// Resources of one record: with one Patient, three Conditions and four MedicationRequests.
pub const RESOURCES: u64 = 1 + ENCOUNTERS + OBSERVATIONS + 3 + 4;
/// LOINC code of the measurement that stands in every record most often.
pub const HEART_RATE: &str = "8867-4";
/// SNOMED CT code of one of the conditions.
pub const DIABETES: &str = "44054006";

const LOINC: &str = "http://loinc.org";
const SNOMED: &str = "http://snomed.info/sct";
const UCUM: &str = "http://unitsofmeasure.org";

/// Code, name, unit, and the range of ten times the value.
type Measurement = (&'static str, &'static str, &'static str, u64, u64);

const MEASUREMENTS: [Measurement; 15] = [
    (HEART_RATE, "Frecuencia cardiaca", "/min", 500, 1_300),
    ("9279-1", "Frecuencia respiratoria", "/min", 100, 300),
    ("8310-5", "Temperatura corporal", "Cel", 355, 400),
    ("29463-7", "Peso corporal", "kg", 450, 1_300),
    ("8302-2", "Talla", "cm", 1_400, 1_950),
    ("2339-0", "Glucosa en sangre", "mg/dL", 600, 3_000),
    ("2160-0", "Creatinina en suero", "mg/dL", 4, 40),
    ("4548-4", "Hemoglobina glucosilada", "%", 45, 140),
    ("718-7", "Hemoglobina", "g/dL", 80, 180),
    ("6690-2", "Leucocitos", "10*3/uL", 30, 150),
    ("777-3", "Plaquetas", "10*3/uL", 1_000, 4_500),
    ("2951-2", "Sodio en suero", "mmol/L", 1_300, 1_500),
    ("2823-3", "Potasio en suero", "mmol/L", 30, 60),
    ("2093-3", "Colesterol total", "mg/dL", 1_200, 3_200),
    ("2571-8", "Triglicéridos", "mg/dL", 500, 5_000),
];

const CONDITIONS: [(&str, &str, &str); 8] = [
    (DIABETES, "Diabetes mellitus tipo 2", "E11.9"),
    ("38341003", "Hipertensión arterial", "I10"),
    ("195967001", "Asma", "J45.9"),
    ("414916001", "Obesidad", "E66.9"),
    ("53741008", "Aterosclerosis coronaria", "I25.1"),
    ("709044004", "Enfermedad renal crónica", "N18.9"),
    ("35489007", "Trastorno depresivo", "F32.9"),
    ("54150009", "Infección de vías respiratorias altas", "J06.9"),
];

const MEDICINES: [(&str, &str, &str); 8] = [
    ("860975", "Metformina 500 mg tableta", "1 tableta cada 12 horas"),
    ("314076", "Lisinopril 10 mg tableta", "1 tableta cada 24 horas"),
    ("617312", "Atorvastatina 20 mg tableta", "1 tableta por la noche"),
    ("198440", "Paracetamol 500 mg tableta", "1 tableta cada 8 horas si hay dolor"),
    ("308136", "Amlodipino 2.5 mg tableta", "1 tableta cada 24 horas"),
    ("745679", "Salbutamol aerosol 100 µg", "2 inhalaciones si hay disnea"),
    ("310798", "Hidroclorotiazida 25 mg tableta", "1 tableta por la mañana"),
    ("979480", "Losartán 50 mg tableta", "1 tableta cada 12 horas"),
];

/// The record of the person at an index: [`RESOURCES`] entries of method POST that refer to one another by `urn:uuid`.
pub fn record(seed: u64, index: u64) -> Value {
    let mut rng = Rng::of(seed, "record", index);
    let mut bundle = fhir!({ "resourceType": "Bundle", "type": "transaction" });
    let patient = urn(&mut rng);
    post(&mut bundle, &patient, people::person(seed, index).patient("urn:badiano:bench:mrn"));
    for visit in 0..ENCOUNTERS {
        let (encounter, day) = (urn(&mut rng), day(&mut rng));
        post(&mut bundle, &encounter, encounter_of(&mut rng, &patient, &day));
        for n in 0..OBSERVATIONS / ENCOUNTERS {
            let id = urn(&mut rng);
            let observation = observation(&mut rng, visit + n * ENCOUNTERS, &patient, &encounter, &day);
            post(&mut bundle, &id, observation);
        }
        if visit < 3 {
            let id = urn(&mut rng);
            post(&mut bundle, &id, condition(&mut rng, &patient, &encounter, &day));
        }
        let id = urn(&mut rng);
        post(&mut bundle, &id, prescription(&mut rng, &patient, &encounter, &day));
    }
    bundle
}

/// One blood sugar of a patient that is there already, for creates one by one.
pub fn single(seed: u64, index: u64, patient: &str) -> Value {
    let mut rng = Rng::of(seed, "single", index);
    let day = day(&mut rng);
    measured(&mut rng, &MEASUREMENTS[5], patient, &day)
}

fn post(bundle: &mut Value, full_url: &str, resource: Value) {
    let request = fhir!({ "method": "POST", "url": (resource.resource_type()) });
    bundle.push("entry", fhir!({ "fullUrl": full_url, "resource": resource, "request": request }));
}

fn urn(rng: &mut Rng) -> String {
    let mut b = [0_u8; 16];
    rng.fill(&mut b);
    let hex: String = b.iter().map(|x| format!("{x:02x}")).collect();
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]);
    format!("urn:uuid:{a}-{b}-4{c}-8{d}-{e}")
}

fn day(rng: &mut Rng) -> String {
    let (year, month, day) = (rng.between(2018, 2026), rng.between(1, 12), rng.between(1, 28));
    format!("{year}-{month:02}-{day:02}")
}

fn encounter_of(rng: &mut Rng, patient: &str, day: &str) -> Value {
    let class = *rng.pick(&["AMB", "EMER", "IMP"]);
    fhir!({
        "resourceType": "Encounter",
        "status": "finished",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class },
        "type": [{ "coding": [{ "system": SNOMED, "code": "185349003", "display": "Consulta de seguimiento" }] }],
        "subject": { "reference": patient },
        "period": { "start": (format!("{day}T08:{:02}:00-06:00", rng.below(60))), "end": (format!("{day}T09:{:02}:00-06:00", rng.below(60))) }
    })
}

fn observation(rng: &mut Rng, n: u64, patient: &str, encounter: &str, day: &str) -> Value {
    let one = if n % 6 == 5 {
        pressure(rng, patient, day)
    } else {
        let at = usize::try_from(n).unwrap_or(0) % MEASUREMENTS.len();
        measured(rng, &MEASUREMENTS[at], patient, day)
    };
    one.with("encounter", fhir!({ "reference": encounter }))
}

fn begun(rng: &mut Rng, category: &str, code: &str, display: &str, patient: &str, day: &str) -> Value {
    let at = format!("{day}T{:02}:{:02}:00-06:00", rng.below(24), rng.below(60));
    fhir!({
        "resourceType": "Observation",
        "status": "final",
        "category": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": category
        }] }],
        "code": { "coding": [{ "system": LOINC, "code": code, "display": display }], "text": display },
        "subject": { "reference": patient },
        "effectiveDateTime": at
    })
}

fn measured(rng: &mut Rng, of: &Measurement, patient: &str, day: &str) -> Value {
    let (code, display, unit, low, high) = *of;
    let category = if matches!(unit, "/min" | "Cel" | "kg" | "cm") { "vital-signs" } else { "laboratory" };
    begun(rng, category, code, display, patient, day)
        .with("valueQuantity", quantity(rng.between(low, high), unit))
}

fn pressure(rng: &mut Rng, patient: &str, day: &str) -> Value {
    let part = |code: &str, display: &str, tenths: u64| {
        let code = fhir!({ "coding": [{ "system": LOINC, "code": code, "display": display }] });
        fhir!({ "code": code, "valueQuantity": (quantity(tenths, "mm[Hg]")) })
    };
    let (high, low) = (rng.between(90, 180), rng.between(50, 110));
    begun(rng, "vital-signs", "85354-9", "Presión arterial", patient, day).with(
        "component",
        fhir!([
            (part("8480-6", "Presión arterial sistólica", high * 10)),
            (part("8462-4", "Presión arterial diastólica", low * 10))
        ]),
    )
}

fn quantity(tenths: u64, unit: &str) -> Value {
    let value = Value::Number(format!("{}.{}", tenths / 10, tenths % 10).into());
    fhir!({ "value": value, "unit": unit, "system": UCUM, "code": unit })
}

fn condition(rng: &mut Rng, patient: &str, encounter: &str, day: &str) -> Value {
    let (snomed, display, cie10) = *rng.pick(&CONDITIONS);
    fhir!({
        "resourceType": "Condition",
        "clinicalStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] },
        "code": { "coding": [
            { "system": SNOMED, "code": snomed, "display": display },
            { "system": "http://hl7.org/fhir/sid/icd-10", "code": cie10 }
        ], "text": display },
        "subject": { "reference": patient },
        "encounter": { "reference": encounter },
        "onsetDateTime": day
    })
}

fn prescription(rng: &mut Rng, patient: &str, encounter: &str, day: &str) -> Value {
    let (code, display, text) = *rng.pick(&MEDICINES);
    fhir!({
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": { "coding": [{ "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code, "display": display }], "text": display },
        "subject": { "reference": patient },
        "encounter": { "reference": encounter },
        "authoredOn": day,
        "dosageInstruction": [{ "text": text }]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_fhir::validate;

    #[test]
    fn a_record_is_valid_and_the_same_from_one_seed() {
        let bundle = record(1552, 7);
        assert_eq!(bundle, record(1552, 7));
        assert_ne!(bundle, record(1552, 8));
        assert_eq!(bundle["entry"].items().len() as u64, RESOURCES);
        for entry in bundle["entry"].items() {
            let issues = validate::validate(&entry["resource"]);
            assert!(!issues.iter().any(|i| i.is_error()), "{issues:?}");
        }
    }
}
