//! The settings of a node in the JSON Schema, so that editors complete their keys and explain them.

use serde_json::{Map, Value, json};

use crate::sysctls::{self, Fate, Setting, SettingScope};

/// The definition of a node's settings.
const SETTINGS: &str = "Sysctls";

/// The definitions of nodes, whose key `sysctls` has the settings of a namespace.
const NODES: [&str; 2] = ["NodeDoc", "OptionalNodeDoc"];

/// Replaces the free names of a node's settings by those of the catalogue. Others stay valid: a kernel may be newer.
pub(super) fn describe(definitions: &mut Map<String, Value>) {
    let mut shared = None;
    for node in NODES {
        let property = definitions
            .get_mut(node)
            .and_then(|node| node.pointer_mut("/properties/sysctls"))
            .and_then(Value::as_object_mut);
        let Some(property) = property else { continue };
        let description = property.remove("description");
        let mut own = std::mem::take(property);
        property.insert("$ref".to_owned(), json!(format!("#/$defs/{SETTINGS}")));
        property.extend(description.map(|text| ("description".to_owned(), text)));
        own.insert("title".to_owned(), json!("sysctls of a node"));
        own.insert("properties".to_owned(), Value::Object(catalogue()));
        own.insert(
            "propertyNames".to_owned(),
            json!({
                "pattern": r"^[^ =/]+\.[^ =/]+$",
                "patternErrorMessage": "expected a key with dots, such as `net.ipv4.tcp_syncookies`",
            }),
        );
        shared = Some(own);
    }
    if let Some(own) = shared {
        definitions.insert(SETTINGS.to_owned(), Value::Object(own));
    }
}

/// Lets variants use the same definition, which requires nothing and accepts `null`.
pub(super) fn share(definitions: &mut Map<String, Value>) {
    definitions.insert(
        format!("Partial{SETTINGS}"),
        json!({ "$ref": format!("#/$defs/{SETTINGS}") }),
    );
}

/// Returns the settings that a namespace of a current kernel has, each with its meaning and its form.
fn catalogue() -> Map<String, Value> {
    let of_a_node = |setting: &&Setting| {
        setting.scope == SettingScope::Namespace
            && setting.fate == Fate::Current
            && !setting.key.contains('*')
    };
    sysctls::all()
        .filter(of_a_node)
        .map(|setting| {
            let description = format!("Takes {}.", setting.form.in_words());
            let description = match setting.says {
                "" => description,
                says => format!("{description} Meaning: {says}."),
            };
            let values = json!(["string", "number", "boolean", "array", "null"]);
            let schema = json!({ "type": values, "description": description });
            (setting.key.to_owned(), schema)
        })
        .collect()
}
