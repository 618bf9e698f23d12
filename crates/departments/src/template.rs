//! What a result is written from: sections with what they begin with (IHE MRRT in spirit, not in form).

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub id: String,
    pub name: String,
    /// DICOM modality codes it is meant for.
    pub modalities: Vec<String>,
    pub sections: Vec<Section>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub title: String,
    /// What the section begins with.
    pub text: String,
    pub hint: String,
}

/// All templates, those of the modality first: `CT`, or several as a study bears them: `CT/PT`, `CT\PT`.
pub fn fitting_first<'t>(all: &'t [Template], modality: &str) -> Vec<&'t Template> {
    let asked: Vec<&str> = modality.split(['/', '\\', ',']).map(str::trim).collect();
    let mut sorted: Vec<&Template> = all.iter().collect();
    sorted.sort_by_key(|t| !t.modalities.iter().any(|m| asked.contains(&m.as_str())));
    sorted
}
