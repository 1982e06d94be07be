//! The JSON Schema of scenario files, for editors.

use serde_json::{Value, json};

use super::document::Document;
use super::schema_settings as settings;

/// Returns a JSON Schema (draft 2020-12) for scenario files. It is derived from the types that
/// the decoder reads into. `parse` checks what a schema cannot express (names must exist, units
/// of expectations must agree).
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Document).to_value();
    if let Some(root) = schema.as_object_mut() {
        let mut definitions = root.remove("$defs").unwrap_or_else(|| json!({}));
        if let Some(definitions) = definitions.as_object_mut() {
            definitions.insert(DOCUMENT.to_owned(), Value::Object(std::mem::take(root)));
            simplify(definitions);
            settings::describe(definitions);
            if let Some(Value::Object(document)) = definitions.remove(DOCUMENT) {
                *root = document;
            }
        }
        root.insert("$defs".to_owned(), definitions);
        root.insert("title".to_owned(), json!("nslab scenario"));
        let variant = variant(root);
        let definitions = root.entry("$defs").or_insert_with(|| json!({}));
        if let Some(definitions) = definitions.as_object_mut() {
            let partial: Vec<(String, Value)> = definitions
                .iter()
                .map(|(name, definition)| (format!("Partial{name}"), partial(definition)))
                .collect();
            definitions.extend(partial);
            settings::share(definitions);
            definitions.insert("Variant".to_owned(), variant);
        }
    }
    schema
}

/// The name under which the document is simplified together with the definitions.
const DOCUMENT: &str = "Document";

/// Replaces choices between a definition and `null`, or a definition and a list of it, by one definition that takes
/// both. Otherwise a mistake in such a value is only reported as "not valid under any of the given schemas", at the
/// wrong place.
fn simplify(definitions: &mut serde_json::Map<String, Value>) {
    let originals = definitions.clone();
    let mut pending: Vec<String> = originals.keys().cloned().collect();
    while let Some(name) = pending.pop() {
        let Some(mut definition) = definitions.get(&name).cloned() else {
            continue;
        };
        let mut wanted = Vec::new();
        merge_choices(&mut definition, &originals, &mut wanted);
        definitions.insert(name, definition);
        for (name, definition) in wanted {
            if !definitions.contains_key(&name) {
                definitions.insert(name.clone(), definition);
                pending.push(name);
            }
        }
    }
}

/// Merges the choices of a definition; the merged definitions that it needs are added to `wanted`.
fn merge_choices(
    schema: &mut Value,
    definitions: &serde_json::Map<String, Value>,
    wanted: &mut Vec<(String, Value)>,
) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(choices)) = object.get("anyOf")
                && let Some((name, merged)) = merged(choices, definitions)
            {
                object.remove("anyOf");
                object.insert("$ref".to_owned(), json!(format!("#/$defs/{name}")));
                wanted.push((name, merged));
            } else if let Some(Value::Array(choices)) = object.get("anyOf")
                && let Some(other) = beside_null(choices)
            {
                object.remove("anyOf");
                object.insert("if".to_owned(), json!({ "type": "null" }));
                object.insert("then".to_owned(), json!({}));
                object.insert("else".to_owned(), other);
            }
            for value in object.values_mut() {
                merge_choices(value, definitions, wanted);
            }
        }
        Value::Array(items) => {
            for item in items {
                merge_choices(item, definitions, wanted);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns the other one of two choices, if one of them is `null`.
fn beside_null(choices: &[Value]) -> Option<Value> {
    let null = json!({ "type": "null" });
    match choices {
        [other, nothing] | [nothing, other] if *nothing == null => Some(other.clone()),
        _ => None,
    }
}

/// Returns the definition that takes everything that the choices take, with its name, if they are one definition with
/// `null`, lists of it, or both.
fn merged(
    choices: &[Value],
    definitions: &serde_json::Map<String, Value>,
) -> Option<(String, Value)> {
    let reference = choices.iter().find_map(|choice| choice["$ref"].as_str())?;
    // The definition of a variant is made later.
    let name = reference
        .strip_prefix("#/$defs/")
        .filter(|name| *name != "Variant")?;
    let mut merged = definitions.get(name)?.clone();
    let mut prefix = String::new();
    for choice in choices {
        if choice["$ref"] == *reference {
            continue;
        }
        match choice["type"].as_str()? {
            "null" => prefix.push_str("Optional"),
            "array" if choice["items"]["$ref"] == *reference => {
                prefix.push_str("OneOrMany");
                merged["items"] = choice["items"].clone();
            }
            _ => return None,
        }
        let extra = choice["type"].clone();
        if merged.get("type").is_none()
            && let Some(then) = merged.get("if").cloned()
        {
            // A word with a fixed meaning, or `$name`: the new type is one of the first case.
            merged["if"] = json!({ "anyOf": [then, { "type": extra }] });
            continue;
        }
        let types = match merged.get("type")? {
            Value::Array(types) => types.clone(),
            one => vec![one.clone()],
        };
        let others = types.into_iter().filter(|known| *known != extra);
        merged["type"] = others.chain([extra.clone()]).collect();
        if extra == "null" && merged.get("enum").is_some() {
            return None;
        }
    }
    Some((format!("{prefix}{name}"), merged))
}

/// Returns the schema of a variant: the document with nothing required, without the keys that belong
/// to the whole file.
fn variant(root: &serde_json::Map<String, Value>) -> Value {
    let document: serde_json::Map<String, Value> = root
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "$schema" | "$defs" | "title" | "description"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut variant = partial(&Value::Object(document));
    if let Some(variant) = variant.as_object_mut() {
        variant.insert(
            "description".to_owned(),
            json!("The differences from the document; empty for the document itself."),
        );
        variant.insert("type".to_owned(), json!(["object", "null"]));
        if let Some(properties) = variant.get_mut("properties").and_then(Value::as_object_mut) {
            for key in super::cases::NOT_IN_A_VARIANT {
                properties.remove(key);
            }
        }
    }
    variant
}

/// Returns a definition in which nothing is required and `null` removes a key; its references lead
/// to others like it.
fn partial(definition: &Value) -> Value {
    match definition {
        Value::Object(object) => Value::Object(
            object
                .iter()
                .filter(|(key, _)| key.as_str() != "required")
                .map(|(key, value)| match (key.as_str(), value) {
                    ("$ref", Value::String(target)) => (
                        key.clone(),
                        json!(target.replace("#/$defs/", "#/$defs/Partial")),
                    ),
                    _ => (key.clone(), partial(value)),
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(partial).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::scenario::document::mappings;

    #[test]
    fn schema_and_decoder_have_the_same_keys() {
        let schema = schema();
        let keys = |definition: &Value| -> BTreeSet<String> {
            let properties = definition["properties"].as_object();
            properties
                .map(|properties| properties.keys().cloned().collect())
                .unwrap_or_default()
        };
        let mut described: BTreeMap<String, BTreeSet<String>> = schema["$defs"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, definition)| {
                !["Partial", "Optional", "OneOrMany"]
                    .iter()
                    .any(|made| name.starts_with(made))
                    && *name != "Variant"
                    && definition["additionalProperties"] == false
            })
            .map(|(name, definition)| (name.clone(), keys(definition)))
            .collect();
        described.insert("Document".to_owned(), keys(&schema));
        let decoded: BTreeMap<String, BTreeSet<String>> = mappings()
            .into_iter()
            .map(|(name, keys)| {
                let keys = keys.iter().map(|key| (*key).to_owned()).collect();
                (name.to_owned(), keys)
            })
            .collect();
        assert_eq!(described, decoded);
    }

    #[test]
    fn every_key_is_described() {
        let schema = schema();
        let definitions = schema["$defs"].as_object().unwrap().values();
        for definition in definitions.chain([&schema]) {
            for (key, property) in definition["properties"].as_object().into_iter().flatten() {
                if definition["additionalProperties"] == false {
                    assert!(property["description"].is_string(), "{key}");
                }
            }
        }
    }
}
