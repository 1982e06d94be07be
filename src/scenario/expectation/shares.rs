//! Explains percentages in comparisons, where only tolerances have them: `load.failed < 1%`.

use super::syntax::{Expr as Written, ExprKind};
use super::typing::{NameScope, Typing};
use crate::metrics;
use crate::scenario::expr::CompareOp;
use crate::units::Dimension;

impl Typing<'_> {
    /// Replaces the help of a percentage that is compared with a quantity by the line that was meant.
    pub(super) fn explain_share(&mut self, left: &Written, op: CompareOp, right: &Written) {
        let ExprKind::Number(Ok(share)) = &right.value else {
            return;
        };
        if share.dimension != Dimension::Share {
            return;
        }
        let help = match &left.value {
            ExprKind::Path(path) if self.faults.len() == 1 => {
                Some(share_of(path, op, rounded(share.value), self.scope))
            }
            ExprKind::Binary { .. } => Some(format!("write `{}`", rounded(share.value))),
            // What is wrong with the other side comes first.
            _ => None,
        };
        if let Some(fault) = self.faults.last_mut() {
            fault.help = help;
        }
    }
}

fn share_of(path: &str, op: CompareOp, share: f64, scope: &NameScope) -> String {
    if share == 0.0 {
        return format!("write `{path} {op} 0`");
    }
    let (subject, _) = path.split_once('.').unwrap_or((path, ""));
    let client = match scope {
        NameScope::Run { subjects, .. } => {
            let mut clients = subjects
                .actors
                .iter()
                .filter(|(_, kind)| metrics::find(**kind, "attempted").is_some())
                .map(|(name, _)| name.as_str());
            let first = clients.clone().next();
            clients.find(|client| *client == subject).or(first)
        }
        NameScope::Compare(_) => None,
    };
    let whole = format!("{}.attempted", client.unwrap_or("load"));
    if share == 1.0 {
        format!("write `{path} {op} {whole}`")
    } else {
        format!("write it as a share of a quantity: `{share} * {whole}`")
    }
}

/// Removes the rounding error of a percentage: 7 % is 0.07.
pub(super) fn rounded(share: f64) -> f64 {
    (share * 1e9).round() / 1e9
}
