//! JSON and its published schema.

use std::path::Path;

use nslab::report::json;
use serde_json::Value;

use crate::reports::results::{every_outcome, nothing, passed};

const SCHEMA: &str = "docs/report.schema.json";

#[test]
fn every_outcome_is_rendered() {
    let mut report: Value = serde_json::from_str(&json::render(&every_outcome()).unwrap()).unwrap();
    report["nslab"] = "VERSION".into();
    insta::assert_json_snapshot!(report);
}

/// `NSLAB_BLESS=1 cargo test --test rootless reports::json` writes it.
#[test]
fn the_published_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SCHEMA);
    let schema = json::schema().unwrap();
    if std::env::var_os("NSLAB_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &schema).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == schema,
        "{SCHEMA} is not current: NSLAB_BLESS=1 cargo test --test rootless reports::json"
    );
}

#[test]
fn reports_keep_to_the_schema() {
    let schema: Value = serde_json::from_str(&json::schema().unwrap()).unwrap();
    for result in [every_outcome(), passed(), nothing()] {
        let report: Value = serde_json::from_str(&json::render(&result).unwrap()).unwrap();
        if let Err(problem) = check(&report, &schema, &schema) {
            panic!("{problem}");
        }
    }
}

#[test]
fn the_schema_rejects_invalid_reports() {
    let schema: Value = serde_json::from_str(&json::schema().unwrap()).unwrap();
    let good: Value = serde_json::from_str(&json::render(&passed()).unwrap()).unwrap();
    for (pointer, wrong) in [
        ("/outcome", Value::from("fine")),
        ("/version", Value::from("1")),
        ("/scenarios/0/runs/0/expectations/0/line", Value::from(-1)),
        (
            "/scenarios/0/runs/0/environment/privileges",
            Value::from("wheel"),
        ),
        ("/scenarios", Value::Null),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = wrong;
        assert!(check(&bad, &schema, &schema).is_err(), "{pointer}");
    }
}

/// The part of JSON Schema (draft 2020-12) that the published schema uses. Unknown keys are an error.
fn check(value: &Value, schema: &Value, root: &Value) -> Result<(), String> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return check(
            value,
            root.pointer(reference.trim_start_matches('#')).unwrap(),
            root,
        );
    }
    for (key, alternatives) in [
        ("anyOf", schema.get("anyOf")),
        ("oneOf", schema.get("oneOf")),
    ] {
        if let Some(alternatives) = alternatives.and_then(Value::as_array) {
            let fits = alternatives
                .iter()
                .filter(|each| check(value, each, root).is_ok())
                .count();
            return if fits > 0 {
                Ok(())
            } else {
                Err(format!("{value} fits none of {key}"))
            };
        }
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return Err(format!("{value} is not {}", schema["const"]));
    }
    if schema
        .get("enum")
        .and_then(Value::as_array)
        .is_some_and(|all| !all.contains(value))
    {
        return Err(format!("{value} is none of {}", schema["enum"]));
    }
    if schema
        .get("minimum")
        .and_then(Value::as_f64)
        .is_some_and(|least| value.as_f64().is_some_and(|it| it < least))
    {
        return Err(format!("{value} is less than {}", schema["minimum"]));
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(only)) => vec![only],
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|kind| is(value, kind)) {
        return Err(format!("{value} is not of {types:?}"));
    }
    for item in value.as_array().into_iter().flatten() {
        check(item, &schema["items"], root)?;
    }
    let Some(object) = value.as_object() else {
        return Ok(());
    };
    for required in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        object
            .get(required)
            .ok_or_else(|| format!("no `{required}`"))?;
    }
    for (key, part) in object {
        let of_key = schema["properties"]
            .get(key)
            .or_else(|| schema.get("additionalProperties"));
        let of_key = of_key.ok_or_else(|| format!("`{key}` is not in the schema"))?;
        check(part, of_key, root).map_err(|problem| format!("{key}: {problem}"))?;
    }
    Ok(())
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}
