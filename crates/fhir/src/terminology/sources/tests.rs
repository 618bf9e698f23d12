//! Each form of file in a few rows of our own, in the shape in which its publisher gives it out.

use super::*;
use crate::terminology::{Asked, Expand, Terminology};
use crate::value::Value;
use std::sync::Arc;

fn load(kind: Kind, options: Options, files: &[(&str, &str)]) -> CodeSystem {
    let mut loader = Loader::new(kind, options);
    for (name, text) in files {
        assert!(loader.wants(name), "{name} is a file of the system");
        loader.read(name, &mut text.as_bytes()).unwrap_or_else(|f| panic!("{name}: {f}"));
    }
    assert!(!loader.wants("release/readme.md"));
    let system = loader.finish().expect("a code system");
    let packed = system.pack().expect("packs");
    assert_eq!(crate::terminology::unpack(&packed).as_ref(), Some(&system), "the same after packing");
    system
}

fn over(system: CodeSystem) -> Terminology {
    let mut known = Terminology::new();
    let about = system.about().clone();
    known.add_system(&about, move || Some(system.clone()));
    known
}

fn found(known: &Terminology, set: &str, filter: &str, language: &str) -> Vec<(String, String)> {
    let set = known.value_set(set).unwrap_or_else(|| panic!("{set}"));
    let ask = Expand { filter: filter.into(), languages: vec![language.into()], ..Expand::default() };
    let page = known.expand(&set, &ask).expect("expands");
    page.items.into_iter().map(|i| (i.code, i.display)).collect()
}

fn looked(known: &Terminology, system: &str, code: &str) -> String {
    let pairs = [("system".to_owned(), system.to_owned()), ("code".to_owned(), code.to_owned())];
    crate::json::to_string(&known.lookup(&Asked::new(Value::Null, &pairs)).expect("is known"))
}

fn tabs(rows: &[&str]) -> String {
    rows.iter()
        .map(|row| row.split(' ').map(|c| c.replace('_', " ")).collect::<Vec<_>>().join("\t") + "\r\n")
        .collect()
}

#[test]
fn snomed_is_read_with_spanish_hierarchy_and_reference_sets() {
    let concepts = tabs(&[
        "id effectiveTime active moduleId definitionStatusId",
        "138875005 20020131 1 900000000000207008 900000000000074008",
        "64572001 20020131 1 900000000000207008 900000000000074008",
        "73211009 20020131 1 900000000000207008 900000000000074008",
        "44054006 20020131 1 900000000000207008 900000000000073002",
        "11687002 20020131 0 900000000000207008 900000000000074008",
    ]);
    let descriptions = tabs(&[
        "id effectiveTime active moduleId conceptId languageCode typeId term caseSignificanceId",
        "11 20020131 1 m 138875005 en 900000000000003001 SNOMED_CT_Concept c",
        "12 20020131 1 m 73211009 en 900000000000003001 Diabetes_mellitus_(disorder) c",
        "13 20020131 1 m 73211009 en 900000000000013009 Diabetes_mellitus c",
        "14 20020131 1 m 44054006 en 900000000000013009 Type_2_diabetes_mellitus c",
        "15 20020131 1 m 44054006 en 900000000000013009 Diabetes_mellitus_type_2 c",
        "16 20020131 0 m 44054006 en 900000000000013009 Gone c",
        "17 20020131 1 m 64572001 en 900000000000013009 Disease c",
    ]);
    let spanish = tabs(&[
        "id effectiveTime active moduleId conceptId languageCode typeId term caseSignificanceId",
        "21 20020131 1 m 44054006 es 900000000000013009 diabetes_mellitus_tipo_2 c",
        "22 20020131 1 m 73211009 es 900000000000013009 diabetes_mellitus c",
    ]);
    let relationships = tabs(&[
        "id effectiveTime active moduleId sourceId destinationId relationshipGroup typeId characteristicTypeId modifierId",
        "31 20020131 1 m 64572001 138875005 0 116680003 c d",
        "32 20020131 1 m 73211009 64572001 0 116680003 c d",
        "33 20020131 1 m 44054006 73211009 0 116680003 c d",
        "34 20020131 0 m 44054006 138875005 0 116680003 c d",
        "35 20020131 1 m 44054006 113331007 0 363698007 c d",
    ]);
    let languages = tabs(&[
        "id effectiveTime active moduleId refsetId referencedComponentId acceptabilityId",
        "a 20020131 1 m 900000000000509007 14 900000000000549004",
        "b 20020131 1 m 900000000000509007 15 900000000000548007",
    ]);
    let simple = tabs(&[
        "id effectiveTime active moduleId refsetId referencedComponentId",
        "c 20020131 1 m 999 44054006",
    ]);
    let system = load(
        Kind::Snomed,
        Options::default(),
        &[
            ("S/Snapshot/Terminology/sct2_Concept_Snapshot_INT_20260301.txt", &concepts),
            ("S/Snapshot/Terminology/sct2_Description_Snapshot-en_INT_20260301.txt", &descriptions),
            (
                "S/Snapshot/Terminology/sct2_Description_SpanishExtensionSnapshot-es_INT_20260331.txt",
                &spanish,
            ),
            ("S/Snapshot/Terminology/sct2_Relationship_Snapshot_INT_20260301.txt", &relationships),
            ("S/Snapshot/Refset/Language/der2_cRefset_LanguageSnapshot-en_INT_20260301.txt", &languages),
            ("S/Snapshot/Refset/Content/der2_Refset_SimpleSnapshot_INT_20260301.txt", &simple),
        ],
    );
    assert_eq!(system.about().version, "http://snomed.info/sct/449081005/version/20260331");
    let known = over(system);
    let diabetes = "http://snomed.info/sct?fhir_vs=isa/73211009";
    assert_eq!(
        found(&known, diabetes, "tipo 2", "es-MX"),
        [("44054006".into(), "diabetes mellitus tipo 2".into())]
    );
    let refset = "http://snomed.info/sct?fhir_vs=refset/999";
    assert_eq!(
        found(&known, refset, "", "en"),
        [("44054006".into(), "Diabetes mellitus type 2".into())],
        "the preferred one"
    );
    assert_eq!(found(&known, "http://snomed.info/sct?fhir_vs=ecl/< 64572001 MINUS ^ 999", "", "en").len(), 1);
    assert_eq!(
        known.is_code("http://snomed.info/sct", "http://snomed.info/sct/449081005", "44054006"),
        Some(true)
    );
    let told = looked(&known, "http://snomed.info/sct", "44054006");
    assert!(told.contains(r#""valueCode":"73211009""#) && !told.contains("Gone"), "{told}");
    assert!(
        looked(&known, "http://snomed.info/sct", "11687002").contains(r#""valueBoolean":true"#),
        "inactive"
    );
}

#[test]
fn loinc_is_read_with_its_hierarchy_answers_and_mexican_names() {
    let table = "\"LOINC_NUM\",\"COMPONENT\",\"PROPERTY\",\"SYSTEM\",\"CLASS\",\"STATUS\",\"SHORTNAME\",\"LONG_COMMON_NAME\",\"DefinitionDescription\"\n\
        \"2345-7\",\"Glucose\",\"MCnc\",\"Ser/Plas\",\"CHEM\",\"ACTIVE\",\"Glucose SerPl-mCnc\",\"Glucose [Mass/volume] in Serum or Plasma\",\"Says \"\"sugar\"\",\nin two lines\"\n\
        \"1-8\",\"Acyclovir\",\"Susc\",\"Isolate\",\"ABXBACT\",\"DEPRECATED\",\"\",\"Acyclovir [Susceptibility]\",\"\"\n";
    let hierarchy = "PATH_TO_ROOT,SEQUENCE,IMMEDIATE_PARENT,CODE,CODE_TEXT\n,1,,LP29693-6,Laboratory\nLP29693-6,1,LP29693-6,2345-7,Glucose\n";
    let spanish = "\"LOINC_NUM\",\"COMPONENT\",\"PROPERTY\",\"SYSTEM\",\"LONG_COMMON_NAME\"\n\"2345-7\",\"Glucosa\",\"CncMasa\",\"Suero\",\"Glucosa [masa/volumen] en suero o plasma\"\n";
    let answers = "AnswerListId,AnswerListName,AnswerStringId,DisplayText\nLL360-9,Positivo,LA6576-8,Positive\nLL360-9,Positivo,LA6577-6,Negative\n";
    let system = load(
        Kind::Loinc,
        Options { version: Some("2.80".into()), ..Options::default() },
        &[
            ("Loinc/LoincTable/Loinc.csv", table),
            ("Loinc/AccessoryFiles/ComponentHierarchyBySystem/ComponentHierarchyBySystem.csv", hierarchy),
            ("Loinc/AccessoryFiles/LinguisticVariants/esMX28LinguisticVariant.csv", spanish),
            ("Loinc/AccessoryFiles/AnswerFile/AnswerList.csv", answers),
        ],
    );
    let known = over(system);
    let glucose = ("2345-7".to_owned(), "Glucosa [masa/volumen] en suero o plasma".to_owned());
    assert_eq!(found(&known, "http://loinc.org/vs", "glucosa suero", "es"), [glucose]);
    assert_eq!(found(&known, "http://loinc.org/vs/LL360-9", "", "en").len(), 2);
    assert_eq!(
        known.contains("http://loinc.org/vs/LP29693-6", Some("http://loinc.org"), "2345-7"),
        Some(true)
    );
    let told = looked(&known, "http://loinc.org", "2345-7");
    assert!(told.contains("MCnc") && told.contains(r#"Says \"sugar\",\nin two lines"#), "{told}");
}

#[test]
fn the_catalogue_of_dgis_becomes_cie10_with_points_and_parents() {
    // As it comes: Windows-1252, keys without points.
    let text = "LETRA,CATALOG_KEY,NOMBRE,LSEX,LINF\r\nA,A00,C\u{f3}lera,NO,NO\r\nA,A000,\"C\u{f3}lera debido a Vibrio cholerae 01, biotipo cholerae\",NO,NO\r\nI,I10X,Hipertensi\u{f3}n esencial (primaria),NO,028D\r\n";
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect();
    let mut loader = Loader::new(Kind::Cie10, Options { version: Some("2026".into()), ..Options::default() });
    loader.read("DIAGNOSTICOS.csv", &mut bytes.as_slice()).expect("reads");
    let known = over(loader.finish().expect("a code system"));
    let told = looked(&known, "http://hl7.org/fhir/sid/icd-10", "A00.0");
    assert!(
        told.contains("Cólera debido a Vibrio")
            && told.contains(r#""valueCode":"A00""#)
            && told.contains("A000"),
        "{told}"
    );
    assert_eq!(known.is_code("http://hl7.org/fhir/sid/icd-10", "2026", "I10"), Some(true));
    assert_eq!(known.is_code("http://hl7.org/fhir/sid/icd-10", "2026", "I10X"), Some(false));
}

#[test]
fn any_table_becomes_a_code_system_with_its_columns_as_properties() {
    let text = "clues;nombre;municipio;display:en;padre\nDF1;HOSPITAL GENERAL;CUAUHT\u{c9}MOC;General hospital;\nDF2;ANEXO;;Annex;DF1\n";
    let options = Options {
        url: Some("urn:oid:2.16.840.1.113883.4.631".into()),
        language: Some("es-MX".into()),
        ..Options::default()
    };
    let known = over(load(Kind::Csv, options, &[("clues.csv", text)]));
    let told = looked(&known, "urn:oid:2.16.840.1.113883.4.631", "DF1");
    assert!(
        told.contains("CUAUHTÉMOC")
            && told.contains("General hospital")
            && told.contains(r#""valueCode":"DF2""#),
        "{told}"
    );
    let mut none = Loader::new(Kind::Csv, Options { url: Some("urn:x".into()), ..Options::default() });
    assert!(
        none.read("x.csv", &mut "uno,dos\n1,2\n".as_bytes())
            .expect_err("no codes")
            .text
            .contains("--code-column")
    );
    let unnamed = load_error("a,code\n1,2\n");
    assert!(unnamed.text.contains("--url"), "{unnamed}");
}

fn load_error(text: &str) -> Fault {
    let mut loader = Loader::new(Kind::Csv, Options::default());
    loader.read("x.csv", &mut text.as_bytes()).expect("reads");
    loader.finish().expect_err("is refused")
}

#[test]
fn icd10_is_read_from_claml() {
    let text = r#"<?xml version="1.0" encoding="UTF-8"?><ClaML version="2.0.0"><Title date="2019" name="ICD-10" version="2019">International &amp; other</Title>
    <Class code="I" kind="chapter"><SubClass code="A00-A09"/><Rubric id="1" kind="preferred"><Label xml:lang="es" xml:space="default">Enfermedades infecciosas</Label></Rubric></Class>
    <Class code="A00-A09" kind="block"><SuperClass code="I"/><Rubric kind="preferred"><Label xml:lang="es">Enfermedades intestinales</Label></Rubric></Class>
    <Class code="A00" kind="category"><SuperClass code="A00-A09"/><Rubric kind="preferred"><Label xml:lang="es">C&#xF3;lera</Label></Rubric>
    <Rubric kind="inclusion"><Label xml:lang="es">peste <Fragment type="item">azul</Fragment></Label></Rubric></Class></ClaML>"#;
    let known = over(load(Kind::Icd10, Options::default(), &[("icd10.xml", text)]));
    let told = looked(&known, "http://hl7.org/fhir/sid/icd-10", "A00");
    assert!(
        told.contains("Cólera") && told.contains("peste azul") && told.contains(r#""valueCode":"A00-A09""#),
        "{told}"
    );
    assert!(told.contains("International & other") && told.contains(r#""valueString":"2019""#), "{told}");
}

#[test]
fn icd11_is_read_from_the_simple_tabulation() {
    let rows = "Foundation URI\tLinearization URI\tCode\tBlockId\tTitle\tClassKind\tDepthInKind\tIsResidual\tChapterNo\n\
        \thttp://id.who.int/icd/release/11/mms/1\t\t\tCiertas enfermedades infecciosas\tchapter\t1\tFalse\t01\n\
        \thttp://id.who.int/icd/release/11/mms/2\t\tBlockL1-1A0\t\"- Gastroenteritis\"\tblock\t1\tFalse\t01\n\
        \thttp://id.who.int/icd/release/11/mms/3\t1A00\t\t\"- - Cólera\"\tcategory\t1\tFalse\t01\n";
    let known = over(load(
        Kind::Icd11,
        Options { version: Some("2026-01".into()), ..Options::default() },
        &[("SimpleTabulation-ICD-11-MMS-es.txt", rows)],
    ));
    let told = looked(&known, "http://id.who.int/icd/release/11/mms", "1A00");
    assert!(told.contains("Cólera") && told.contains(r#""valueCode":"BlockL1-1A0""#), "{told}");
}

#[test]
fn rxnorm_is_read_from_its_rrf() {
    let names = "198440|ENG||||||829||198440||RXNORM|SCD|198440|acetaminophen 500 MG Oral Tablet||N|4096|\n\
        161|ENG||||||1||161||RXNORM|IN|161|acetaminophen||N|4096|\n198440|ENG||||||830||x||MMSL|CD|5|otro||N||\n\
        369097|ENG||||||2||369097||RXNORM|SCDF|369097|acetaminophen Oral Tablet||N||\n";
    let links = "369097||CUI|RN|198440||CUI|isa|9||RXNORM|RXNORM||||\n161||CUI|RO|369097||CUI|has_ingredient|9||RXNORM|RXNORM||||\n";
    let known = over(load(
        Kind::Rxnorm,
        Options { version: Some("11022026".into()), ..Options::default() },
        &[("rrf/RXNCONSO.RRF", names), ("rrf/RXNREL.RRF", links)],
    ));
    let system = "http://www.nlm.nih.gov/research/umls/rxnorm";
    let told = looked(&known, system, "198440");
    assert!(
        told.contains("500 MG Oral Tablet")
            && told.contains(r#""valueCode":"369097""#)
            && !told.contains("otro"),
        "{told}"
    );
    assert!(looked(&known, system, "369097").contains(r#""valueCode":"161""#), "its ingredient");
}

#[test]
fn cvx_and_ucum_are_read_from_their_tables() {
    let rows = "03 |MMR |measles, mumps and rubella virus vaccine ||Active |False |2020/06/02\n01|DTP|diphtheria, tetanus toxoids and pertussis vaccine||Inactive|False|2010/05/28\n";
    let known = over(load(Kind::Cvx, Options::default(), &[("cvx.txt", rows)]));
    let told = looked(&known, "http://hl7.org/fhir/sid/cvx", "03");
    assert!(told.contains("rubella") && told.contains(r#""valueString":"20200602""#), "{told}");
    assert!(
        looked(&known, "http://hl7.org/fhir/sid/cvx", "01").contains(r#""valueBoolean":true"#),
        "inactive"
    );
    let units = r#"<?xml version="1.0"?><root xmlns="http://unitsofmeasure.org/ucum-essence" version="2.1"><base-unit Code="m" CODE="M" dim="L"><name>meter</name><printSymbol>m</printSymbol><property>length</property></base-unit><unit Code="[in_i]" CODE="[IN_I]" isMetric="no" class="intcust"><name>inch</name><property>length</property><value Unit="cm" value="2.54">2.54</value></unit></root>"#;
    let known = over(load(Kind::Ucum, Options::default(), &[("ucum-essence.xml", units)]));
    assert!(looked(&known, "http://unitsofmeasure.org", "[in_i]").contains("inch"));
    assert_eq!(
        known.is_code("http://unitsofmeasure.org", "", "kg/m2"),
        Some(true),
        "the grammar goes on where the list ends"
    );
    assert_eq!(known.is_code("http://unitsofmeasure.org", "", "kilos"), Some(false));
    let _ = Arc::new(known);
}
