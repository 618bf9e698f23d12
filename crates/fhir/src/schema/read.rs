//! Opens the generated file: an eight-byte mark, a table of strings, then the sections in the generator's order.
//!
//! Whole numbers are LEB128; a string is its index in the table; a list is its length and its items.

use super::Schema;
use super::definitions::{Compartment, Operation, Parameter, SearchKind, SearchParam};
use super::element::{Binding, Element, Invariant, Kind, Property, Strength, Structure, TypeUse};
use crate::primitive::Primitive;
use crate::terminology::RequiredSet;
use std::collections::HashMap;

const MARK: &[u8; 8] = b"BFHIR4\0\x01";
/// The open form; the real one is under 1 MB.
const OPEN_BYTES_MAX: usize = 16 << 20;
/// Invariants that the validator has in its own code, since they concern every element or every resource.
const IN_CODE: [&str; 9] = ["ele-1", "ext-1", "dom-2", "dom-3", "dom-4", "dom-5", "ref-1", "txt-1", "txt-2"];
const PARAMETER_DEPTH_MAX: usize = 8;

type Step<T> = Result<T, &'static str>;

pub(super) fn open(packed: &[u8]) -> Step<Schema> {
    let bytes =
        zstd::bulk::decompress(packed, OPEN_BYTES_MAX).map_err(|_| "not a zstd frame of the right size")?;
    // Read once and kept as long as the program: every text of the tables points into it.
    let bytes: &'static [u8] = Vec::leak(bytes);
    let mut reader = Reader { bytes, at: 0, strings: Vec::new() };
    reader.table()?;
    let invariants: &'static [Invariant] = Vec::leak(reader.list(Reader::invariant)?);
    let mut elements = Vec::with_capacity(14_000);
    let base = reader.structures(&mut elements, invariants)?;
    let base_elements = elements.len();
    let profiles = reader.structures(&mut elements, invariants)?;
    let extensions = reader.structures(&mut elements, invariants)?;
    let value_sets = reader.list(Reader::value_set)?;
    let mut schema = Schema {
        resource_types: base
            .iter()
            .filter(|s| s.kind == Kind::Resource && !s.is_abstract)
            .map(|s| s.name)
            .collect(),
        by_path: HashMap::with_capacity(base_elements),
        base,
        profiles,
        extensions,
        elements,
        value_sets,
        search_parameters: reader.list(Reader::search_parameter)?,
        compartments: reader.list(Reader::compartment)?,
        operations: reader.list(Reader::operation)?,
    };
    if reader.at != bytes.len() {
        return Err("something follows the last section");
    }
    link(&mut schema, base_elements)?;
    Ok(schema)
}

/// Connects elements with their children, types with their roots, bindings with their codes.
fn link(schema: &mut Schema, base_elements: usize) -> Step<()> {
    for (at, element) in schema.elements[..base_elements].iter().enumerate() {
        schema.by_path.insert(element.path, u32::try_from(at).map_err(|_| "too many elements")?);
    }
    for at in 0..base_elements {
        let Some((owner, _)) = schema.elements[at].path.rsplit_once('.') else { continue };
        let owner = *schema.by_path.get(owner).ok_or("an element without its owner")?;
        schema.elements[owner as usize].children.push(u32::try_from(at).map_err(|_| "too many elements")?);
    }
    for at in 0..schema.elements.len() {
        let element = &schema.elements[at];
        let has_children = !element.children.is_empty();
        let content = match element.content {
            "" => None,
            path => Some(schema.by_path.get(path).copied()),
        };
        let element = &mut schema.elements[at];
        element.at = u32::try_from(at).map_err(|_| "too many elements")?;
        // A profile may refer to one of its own slices, which the base does not have: that is left unlinked.
        if content == Some(None) && at < base_elements {
            return Err("content of an unknown element");
        }
        if let Some(Some(node)) = content {
            element.types = vec![TypeUse {
                code: "BackboneElement",
                property: element.name,
                primitive: None,
                targets: Vec::new(),
                profiles: Vec::new(),
                node,
            }];
        } else {
            for used in &mut element.types {
                let root = || schema.by_path.get(used.code).copied().ok_or("an unknown type");
                used.node = if has_children { element.at } else { root()? };
            }
        }
        if let Some(binding) = element.binding.as_mut().filter(|b| b.strength == Strength::Required) {
            let found = schema.value_sets.binary_search_by(|v| v.url.cmp(binding.value_set)).ok();
            let found = found.filter(|at| schema.value_sets[*at].is_enumerated);
            binding.at = found.and_then(|at| u32::try_from(at).ok());
        }
    }
    for element in &mut schema.elements {
        let in_code = |i: &&Invariant| IN_CODE.contains(&i.key) || i.expression.is_empty();
        element.checked = element.invariants.iter().copied().filter(|i| !in_code(i)).collect();
    }
    for at in 0..base_elements {
        let children = schema.elements[at].children.iter().copied();
        let required = children.filter(|c| schema.elements[*c as usize].min > 0).collect();
        schema.elements[at].required = required;
        let of_child = |child: &u32| schema.elements[*child as usize].types.len();
        let mut properties = Vec::with_capacity(schema.elements[at].children.iter().map(of_child).sum());
        for &child in &schema.elements[at].children {
            for (of, used) in schema.elements[child as usize].types.iter().enumerate() {
                let of = u16::try_from(of).map_err(|_| "too many types")?;
                properties.push(Property { name: used.property, element: child, of });
            }
        }
        properties.sort_by_key(|p| p.name);
        schema.elements[at].properties = properties;
    }
    Ok(())
}

struct Reader {
    bytes: &'static [u8],
    at: usize,
    strings: Vec<&'static str>,
}

impl Reader {
    fn table(&mut self) -> Step<()> {
        if !self.bytes.starts_with(MARK) {
            return Err("another format");
        }
        self.at = MARK.len();
        let count = self.size()?;
        self.strings = Vec::with_capacity(count);
        for _ in 0..count {
            let length = self.size()?;
            let text = self.bytes.get(self.at..self.at + length).ok_or("the file ends early")?;
            self.strings.push(std::str::from_utf8(text).map_err(|_| "not UTF-8")?);
            self.at += length;
        }
        Ok(())
    }

    fn number(&mut self) -> Step<u32> {
        let mut n = 0_u32;
        for shift in (0..32).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or("the file ends early")?;
            self.at += 1;
            n |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err("a number is too long")
    }

    /// A count or a length: never more than what is left could hold.
    fn size(&mut self) -> Step<usize> {
        let n = self.number()? as usize;
        if n > self.bytes.len() - self.at { Err("a count is too large") } else { Ok(n) }
    }

    fn string(&mut self) -> Step<&'static str> {
        let at = self.number()? as usize;
        self.strings.get(at).copied().ok_or("a string outside the table")
    }

    fn list<T>(&mut self, item: fn(&mut Self) -> Step<T>) -> Step<Vec<T>> {
        let count = self.size()?;
        // Exactly as long as it is: collecting results would leave room for four in each of 50,000 lists.
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A cardinality: nothing for `*`.
    fn max(&mut self) -> Step<Option<u32>> {
        Ok(self.number()?.checked_sub(1))
    }

    fn pair(&mut self) -> Step<(&'static str, &'static str)> {
        Ok((self.string()?, self.string()?))
    }

    fn invariant(&mut self) -> Step<Invariant> {
        Ok(Invariant {
            key: self.string()?,
            is_error: self.number()? == 1,
            expression: self.string()?,
            human: self.string()?,
            compiled: std::sync::OnceLock::new(),
        })
    }

    fn structures(
        &mut self,
        elements: &mut Vec<Element>,
        invariants: &'static [Invariant],
    ) -> Step<Vec<Structure>> {
        let count = self.size()?;
        let mut structures = Vec::with_capacity(count);
        for _ in 0..count {
            let mut structure = Structure {
                url: self.string()?,
                name: self.string()?,
                type_name: self.string()?,
                kind: match self.number()? {
                    0 => Kind::Primitive,
                    1 => Kind::Complex,
                    2 => Kind::Resource,
                    _ => return Err("an unknown kind of structure"),
                },
                is_abstract: self.number()? & 1 == 1,
                base: self.string()?,
                contexts: self.list(Reader::pair)?,
                range: elements.len()..elements.len(),
            };
            for _ in 0..self.size()? {
                let element = self.element(invariants)?;
                elements.push(element);
            }
            structure.range.end = elements.len();
            structures.push(structure);
        }
        Ok(structures)
    }

    fn element(&mut self, invariants: &'static [Invariant]) -> Step<Element> {
        let path = self.string()?;
        let id = self.string()?;
        let last = path.rsplit('.').next().unwrap_or(path);
        let flags = self.number()?;
        Ok(Element {
            path,
            id: if id.is_empty() { path } else { id },
            name: last.trim_end_matches("[x]"),
            is_choice: flags & 1 != 0,
            is_modifier: flags & 2 != 0,
            is_summary: flags & 4 != 0,
            is_xml_attribute: flags & 8 != 0,
            must_support: flags & 16 != 0,
            min: self.number()?,
            max: self.max()?,
            max_length: Some(self.number()?).filter(|n| *n > 0),
            types: self.list(Reader::type_use)?,
            content: self.string()?,
            binding: self.binding()?,
            fixed: self.string()?,
            pattern: self.string()?,
            invariants: self.invariants(invariants)?,
            discriminators: self.list(Reader::string)?,
            slicing_rules: self.string()?,
            children: Vec::new(),
            properties: Vec::new(),
            required: Vec::new(),
            checked: Vec::new(),
            at: 0,
        })
    }

    fn invariants(&mut self, all: &'static [Invariant]) -> Step<Vec<&'static Invariant>> {
        let count = self.size()?;
        let mut found = Vec::with_capacity(count);
        for _ in 0..count {
            found.push(all.get(self.number()? as usize).ok_or("an unknown invariant")?);
        }
        Ok(found)
    }

    fn type_use(&mut self) -> Step<TypeUse> {
        let code = self.string()?;
        Ok(TypeUse {
            code,
            property: self.string()?,
            primitive: Primitive::of(code),
            targets: self.list(Reader::string)?,
            profiles: self.list(Reader::string)?,
            node: 0,
        })
    }

    fn binding(&mut self) -> Step<Option<Binding>> {
        let strength = match self.number()? {
            0 => None,
            1 => Some(Strength::Example),
            2 => Some(Strength::Preferred),
            3 => Some(Strength::Extensible),
            4 => Some(Strength::Required),
            _ => return Err("an unknown binding strength"),
        };
        let value_set = self.string()?;
        Ok(strength.map(|strength| Binding { strength, value_set, at: None }))
    }

    fn value_set(&mut self) -> Step<RequiredSet> {
        Ok(RequiredSet {
            url: self.string()?,
            is_enumerated: self.number()? == 1,
            systems: self.list(|r| Ok((r.string()?, r.list(Reader::pair)?)))?,
        })
    }

    fn search_parameter(&mut self) -> Step<SearchParam> {
        Ok(SearchParam {
            url: self.string()?,
            code: self.string()?,
            kind: match self.number()? {
                0 => SearchKind::Number,
                1 => SearchKind::Date,
                2 => SearchKind::String,
                3 => SearchKind::Token,
                4 => SearchKind::Reference,
                5 => SearchKind::Composite,
                6 => SearchKind::Quantity,
                7 => SearchKind::Uri,
                8 => SearchKind::Special,
                _ => return Err("an unknown type of search parameter"),
            },
            expression: self.string()?,
            base: self.list(Reader::string)?,
            target: self.list(Reader::string)?,
            components: self.list(Reader::pair)?,
        })
    }

    fn compartment(&mut self) -> Step<Compartment> {
        Ok(Compartment {
            name: self.string()?,
            members: self.list(|r| Ok((r.string()?, r.list(Reader::string)?)))?,
        })
    }

    fn operation(&mut self) -> Step<Operation> {
        let url = self.string()?;
        let code = self.string()?;
        let levels = self.number()?;
        Ok(Operation {
            url,
            code,
            system: levels & 1 != 0,
            type_level: levels & 2 != 0,
            instance: levels & 4 != 0,
            affects_state: levels & 8 != 0,
            resources: self.list(Reader::string)?,
            parameters: self.parameters(0)?,
        })
    }

    fn parameters(&mut self, depth: usize) -> Step<Vec<Parameter>> {
        if depth > PARAMETER_DEPTH_MAX {
            return Err("parameters are nested too deep");
        }
        let count = self.size()?;
        (0..count)
            .map(|_| {
                Ok(Parameter {
                    name: self.string()?,
                    is_out: self.number()? == 1,
                    min: self.number()?,
                    max: self.max()?,
                    type_name: self.string()?,
                    search_type: self.string()?,
                    targets: self.list(Reader::string)?,
                    parts: self.parameters(depth + 1)?,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_refused_and_never_panics() {
        let open_form = zstd::bulk::decompress(super::super::PACKED, OPEN_BYTES_MAX).expect("whole");
        let body = open_form.len() * 3 / 5;
        for cut in [0, 4, 8, 9, 100, body, open_form.len() - 1] {
            let packed = zstd::bulk::compress(&open_form[..cut], 1).expect("packed");
            assert!(open(&packed).is_err(), "cut at {cut}");
        }
        let mut other = open_form.clone();
        other[7] = 9;
        assert!(open(&zstd::bulk::compress(&other, 1).expect("packed")).is_err(), "another version");
    }
}
