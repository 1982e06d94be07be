//! "Did you mean": finds the known name that is nearest to an unknown one.

/// Returns the nearest known name, if it is near enough to have been meant.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // A third of the letters may differ, as in rustc; in very short names, none.
    let bound = match written.chars().count() {
        0..=2 => 0,
        length => (length.min(64) / 3).max(1),
    };
    let lower = written.to_lowercase();
    let known: Vec<&str> = known.into_iter().collect();
    known
        .iter()
        .copied()
        .filter(|name| name.len().abs_diff(written.len()) <= bound.max(1) * 4)
        .map(|name| {
            let distance = if name.to_lowercase() == lower {
                0
            } else {
                strsim::damerau_levenshtein(written, name)
            };
            (distance, name)
        })
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
        .or_else(|| abbreviated(&lower, &known))
}

/// Returns the only name that begins with the written text, or that the written text begins with.
fn abbreviated<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    /// Fewer letters than this are not significant.
    const LEAST: usize = 3;
    let mut alike = known.iter().filter(|name| {
        let name = name.to_lowercase();
        written.len().min(name.len()) >= LEAST
            && (written.starts_with(&name) || name.starts_with(written))
    });
    let first = alike.next()?;
    alike.next().is_none().then_some(*first)
}

/// Returns the help for an unknown name: the nearest known one, or all of them if they are few.
pub(crate) fn did_you_mean<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    /// A longer list does not help.
    const FEW: usize = 16;
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(name) = nearest(written, known.iter().copied()) {
        return Some(format!("did you mean `{name}`?"));
    }
    match known.len() {
        0 => None,
        1..=FEW => Some(format!("known here: {}", listed(&known))),
        _ => None,
    }
}

/// Returns true for an address, also with a prefix length or a port: `10.0.0.1`, `10.0.0.0/24`, `10.0.0.1:80`.
pub(crate) fn is_address(text: &str) -> bool {
    let text = text.trim();
    let address = text.split_once('/').map_or(text, |(address, _)| address);
    let is_v4 = |text: &str| {
        text.split('.').count() == 4 && text.split('.').all(|part| part.parse::<u32>().is_ok())
    };
    address.parse::<std::net::IpAddr>().is_ok()
        || is_v4(address)
        || text.parse::<std::net::SocketAddr>().is_ok()
        || address
            .split_once(':')
            .is_some_and(|(address, _)| is_v4(address))
}

/// Returns the help for an unknown name of something that has an address, which may be an address itself.
pub(crate) fn did_you_mean_one_of<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    if !is_address(written) {
        return did_you_mean(written, known);
    }
    let known: Vec<&str> = known.into_iter().collect();
    (!known.is_empty()).then(|| {
        format!(
            "nslab assigns the addresses; write a name instead: {}",
            listed(&known)
        )
    })
}

/// `` `a`, `b`, `c` ``.
pub(crate) fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_not_a_name() {
        for address in [
            "10.0.0.1",
            "10.0.0.300",
            "10.0.0.0/24",
            "10.0.0.1:80",
            "fd00::1",
            "fd00::/64",
        ] {
            assert!(is_address(address), "{address}");
        }
        for name in ["server", "server:80", "v1.2", "a.b.c.d"] {
            assert!(!is_address(name), "{name}");
        }
        assert_eq!(
            did_you_mean_one_of("10.0.0.1:80", ["web"]).as_deref(),
            Some("nslab assigns the addresses; write a name instead: `web`")
        );
    }

    #[test]
    fn a_slip_of_the_fingers_is_recognised_and_another_word_is_not() {
        let known = ["router", "client", "server"];
        assert_eq!(nearest("rotuer", known), Some("router"));
        assert_eq!(nearest("Client", known), Some("client"));
        assert_eq!(nearest("database", known), None);
        assert_eq!(nearest("serv", known), Some("server"));
        assert_eq!(nearest("client1234", known), Some("client"));
        assert_eq!(
            did_you_mean("database", known).as_deref(),
            Some("known here: `router`, `client`, `server`")
        );
    }
}
