//! Values with numeric tokens, which the kernel can hand back with an event.

/// Values by token. A token never refers to another value, even after its index was reused (up to 4 billion times).
#[derive(Debug)]
pub(crate) struct TokenSlab<T> {
    places: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> TokenSlab<T> {
    pub(crate) fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(crate) fn insert(&mut self, value: T) -> u64 {
        if let Some(place) = self.free.pop() {
            let (uses, slot) = &mut self.places[place as usize];
            *slot = Some(value);
            return token(*uses, place);
        }
        let place = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push((0, Some(value)));
        token(0, place)
    }

    pub(crate) fn get_mut(&mut self, token: u64) -> Option<&mut T> {
        let (uses, place) = parts(token);
        let (current, slot) = self.places.get_mut(place as usize)?;
        slot.as_mut().filter(|_| *current == uses)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|(_, value)| value.as_ref())
    }

    pub(crate) fn remove(&mut self, token: u64) -> Option<T> {
        let (uses, place) = parts(token);
        let (current, slot) = self.places.get_mut(place as usize)?;
        if *current != uses {
            return None;
        }
        let value = slot.take()?;
        *current = current.wrapping_add(1);
        self.free.push(place);
        Some(value)
    }
}

fn token(uses: u32, place: u32) -> u64 {
    (u64::from(uses) << 32) | u64::from(place)
}

fn parts(token: u64) -> (u32, u32) {
    ((token >> 32) as u32, token as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_token_does_not_reach_the_new_value_at_its_index() {
        let mut slab = TokenSlab::new();
        let old = slab.insert("old");
        assert_eq!(slab.remove(old), Some("old"));
        let new = slab.insert("new");
        assert_eq!(slab.get_mut(old), None);
        assert_eq!(slab.remove(old), None);
        assert_eq!(slab.get_mut(new), Some(&mut "new"));
        assert_eq!(slab.len(), 1);
    }
}
