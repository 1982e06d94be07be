//! Stands in for the crate `schemars` without the feature `program`, which alone prints the JSON Schema of scenario
//! files. The types that a scenario is read into name the same traits and macros, and nothing is derived.

use std::borrow::Cow;

/// A type with a place in the schema.
pub(crate) trait JsonSchema {
    fn inline_schema() -> bool {
        false
    }
    fn schema_name() -> Cow<'static, str>;
    fn json_schema(generator: &mut SchemaGenerator) -> Schema;
}

/// A schema, of which nothing is kept.
#[derive(Debug, Clone)]
pub(crate) struct Schema;

/// A generator that makes nothing.
#[derive(Debug)]
pub(crate) struct SchemaGenerator;

impl SchemaGenerator {
    pub(crate) fn subschema_for<T>(&mut self) -> Schema {
        Schema
    }
}

/// Makes a schema, of which nothing is kept.
macro_rules! json_schema {
    ($($schema:tt)*) => {
        $crate::no_schema::Schema
    };
}
pub(crate) use json_schema;
