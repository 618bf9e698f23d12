//! The shape of a radiology report: templates in Mexican Spanish, data in `templates.json`.

use crate::template::Template;
use std::sync::LazyLock;

pub static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("templates.json")).expect("a test reads the file that is compiled in")
});
