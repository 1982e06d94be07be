//! The JSON Schema of scenario files, for editors.

use serde_json::{Value, json};

use super::document::Document;

/// Returns a JSON Schema (draft 2020-12) for scenario files. It is derived from the types that
/// the decoder reads into. `parse` checks what a schema cannot express (names must exist, units
/// of expectations must agree).
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Document).to_value();
    if let Some(root) = schema.as_object_mut() {
        let variant = variant(root);
        let definitions = root.entry("$defs").or_insert_with(|| json!({}));
        if let Some(definitions) = definitions.as_object_mut() {
            let partial: Vec<(String, Value)> = definitions
                .iter()
                .map(|(name, definition)| (format!("Partial{name}"), partial(definition)))
                .collect();
            definitions.extend(partial);
            definitions.insert("Variant".to_owned(), variant);
        }
    }
    schema
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
                !name.starts_with("Partial")
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
