//! Which subspecialty reads a study: by its procedure in the catalogue, else by its modality, else by the words of its description.

use super::DEPARTMENT;
use crate::department::{Topic, topic_in_words};

const fn topic(
    code: &'static str,
    es: &'static str,
    en: &'static str,
    words: &'static [&'static str],
) -> Topic {
    Topic { code, es, en, words }
}

/// In the order in which descriptions are looked at; the last one takes what fits nowhere.
pub const TOPICS: &[Topic] = &[
    topic("breast", "Mama", "Breast", &["mama", "masto", "mamogra", "breast", "mammo"]),
    topic(
        "neuro",
        "Neurorradiología",
        "Neuroradiology",
        &["crane", "cerebr", "encefal", "cabeza", "head", "brain", "skull", "orbit", "silla", "senos"],
    ),
    topic("cardiac", "Corazón", "Cardiac", &["corazon", "cardia", "coronari", "heart", "coronary"]),
    topic("vascular", "Vascular", "Vascular", &["angio", "doppler", "carotid", "aort", "arteri", "veno"]),
    topic("obstetric", "Obstetricia", "Obstetrics", &["obstet", "fetal", "embaraz", "pregnan"]),
    topic("thorax", "Tórax", "Thorax", &["torax", "torac", "pulmon", "chest", "thorax", "lung", "costal"]),
    topic(
        "abdomen",
        "Abdomen y pelvis",
        "Abdomen and pelvis",
        &["abdom", "pelvi", "higado", "renal", "urin", "vesic", "prosta", "uro", "hepat", "colon", "kidney"],
    ),
    topic(
        "musculoskeletal",
        "Musculoesquelético",
        "Musculoskeletal",
        &[
            "rodilla", "hombro", "cadera", "columna", "mano", "pie", "tobillo", "codo", "muneca", "femur",
            "knee", "shoulder", "hip", "spine", "hand", "foot", "ankle", "hueso", "bone", "lumb", "cervic",
        ],
    ),
    topic(GENERAL, "General", "General", &[]),
];

const GENERAL: &str = "general";

/// Modality, procedure code, description.
pub fn of(modality: &str, code: &str, description: &str) -> &'static str {
    if let Some(procedure) = DEPARTMENT.catalogue.procedure(code) {
        let known = TOPICS.iter().find(|t| t.code == procedure.topic);
        return known.map_or(GENERAL, |t| t.code);
    }
    if modality == "MG" {
        return "breast";
    }
    topic_in_words(TOPICS, description).unwrap_or(GENERAL)
}

/// Screening of breasts is read by two: by its procedure in the catalogue, else by the words of its description.
pub fn is_screening_of_breasts(modality: &str, code: &str, description: &str) -> bool {
    const SCREENING: &[Topic] =
        &[topic("screening", "Tamizaje", "Screening", &["tamiz", "screen", "deteccion"])];
    modality == "MG" && (code == "MG-TAMIZAJE" || topic_in_words(SCREENING, description).is_some())
}
