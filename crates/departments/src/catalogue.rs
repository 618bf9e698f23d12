//! A department's procedures: a small table with a code, a name, and what is needed to plan and prepare one (RFC 4180).

use serde::Serialize;

/// One procedure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Procedure {
    pub code: String,
    /// Name in Mexican Spanish.
    pub name: String,
    /// DICOM modality; empty where no device makes images.
    pub modality: String,
    /// DICOM Body Part Examined (PS3.16 annex L); empty where there is none.
    pub body_part: String,
    /// The subspecialty that reads it.
    pub topic: String,
    /// Expected time in the room.
    pub minutes: u32,
    /// What the patient is told.
    pub preparation: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalogue {
    pub procedures: Vec<Procedure>,
}

/// The header that every catalogue has.
pub const HEADER: &str = "code,name,modality,body_part,topic,minutes,preparation";

impl Catalogue {
    /// Reads the table; the error names the line.
    pub fn parse(text: &str) -> Result<Catalogue, String> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        match lines.next() {
            Some((_, header)) if header.trim() == HEADER => {}
            _ => return Err(format!("line 1: the header is `{HEADER}`")),
        }
        let procedures = lines.map(|(n, line)| procedure(line).map_err(|e| format!("line {}: {e}", n + 1)));
        Ok(Catalogue { procedures: procedures.collect::<Result<_, _>>()? })
    }

    pub fn procedure(&self, code: &str) -> Option<&Procedure> {
        self.procedures.iter().find(|p| p.code == code)
    }
}

fn procedure(line: &str) -> Result<Procedure, String> {
    let fields = fields(line)?;
    let [code, name, modality, body_part, topic, minutes, preparation]: [String; 7] =
        fields.try_into().map_err(|f: Vec<String>| format!("{} fields, not 7", f.len()))?;
    let minutes = minutes.parse().map_err(|_| "minutes is no number".to_owned())?;
    if code.is_empty() || name.is_empty() || topic.is_empty() {
        return Err("code, name and topic are not empty".to_owned());
    }
    Ok(Procedure { code, name, modality, body_part, topic, minutes, preparation })
}

/// The fields of a line; one in quotes may have commas, and a doubled quote stands for one.
fn fields(line: &str) -> Result<Vec<String>, String> {
    let (mut all, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.trim_end().chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                field.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    if quoted {
        return Err("a quote is not closed".to_owned());
    }
    all.push(field);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, HEADER};

    #[test]
    fn a_field_in_quotes_may_have_commas_and_quotes() {
        let text = format!("{HEADER}\nA1,Uno,CT,CHEST,thorax,10,\"Ayuno, 4 h; \"\"agua\"\" sí\"\n");
        let read = Catalogue::parse(&text).expect("reads");
        assert_eq!(read.procedure("A1").expect("there").preparation, "Ayuno, 4 h; \"agua\" sí");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (bad, why) in [
            ("code\n".to_owned(), "line 1"),
            (format!("{HEADER}\nA1,Uno,CT\n"), "line 2: 3 fields"),
            (format!("{HEADER}\n\nA1,Uno,CT,CHEST,thorax,ten,\n"), "line 3: minutes"),
            (format!("{HEADER}\nA1,\"Uno,CT,CHEST,thorax,1,\n"), "line 2: a quote"),
            (format!("{HEADER}\nA1,,CT,CHEST,thorax,1,\n"), "line 2: code, name"),
        ] {
            let error = Catalogue::parse(&bad).expect_err("refused");
            assert!(error.starts_with(why), "{error}");
        }
    }
}
