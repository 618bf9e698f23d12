//! Operation definitions (FHIR R4, operationdefinition.html), reduced to what a server checks.

use super::write::Writer;
use super::{list, text, type_name};
use serde_json::Value;

const SYSTEM: u64 = 1;
const TYPE: u64 = 2;
const INSTANCE: u64 = 4;
const AFFECTS_STATE: u64 = 8;

pub fn write(out: &mut Writer, operations: &[Value]) -> Result<(), String> {
    let mut operations: Vec<&Value> = operations.iter().collect();
    operations.sort_by_key(|o| text(o, "url"));
    out.number(operations.len() as u64);
    for operation in operations {
        out.string(text(operation, "url"));
        out.string(text(operation, "code"));
        let levels =
            [("system", SYSTEM), ("type", TYPE), ("instance", INSTANCE), ("affectsState", AFFECTS_STATE)];
        out.number(levels.iter().filter(|(key, _)| operation[*key] == true).map(|(_, bit)| bit).sum());
        out.strings(
            list(operation, "resource").iter().filter_map(Value::as_str).collect::<Vec<_>>().into_iter(),
        );
        write_parameters(out, list(operation, "parameter"))?;
    }
    Ok(())
}

fn write_parameters(out: &mut Writer, parameters: &[Value]) -> Result<(), String> {
    out.number(parameters.len() as u64);
    for parameter in parameters {
        out.string(text(parameter, "name"));
        out.number(u64::from(text(parameter, "use") == "out"));
        out.number(parameter["min"].as_u64().unwrap_or(0));
        out.number(super::structures::max(text(parameter, "max"))?);
        out.string(text(parameter, "type"));
        out.string(text(parameter, "searchType"));
        let targets = list(parameter, "targetProfile").iter().filter_map(Value::as_str).map(type_name);
        out.strings(targets.collect::<Vec<_>>().into_iter());
        write_parameters(out, list(parameter, "part"))?;
    }
    Ok(())
}
