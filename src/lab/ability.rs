//! stub
/// s
#[derive(Debug)]
pub enum State {
    /// s
    Yes,
    /// s
    Limited {
        /// s
        limit: String,
    },
    /// s
    No {
        /// s
        reason: String,
        /// s
        how_to_get: String,
    },
}
/// s
#[derive(Debug)]
pub struct Ability {
    /// s
    pub name: String,
    /// s
    pub state: State,
}
/// s
pub fn survey() -> Vec<Ability> {
    vec![]
}
