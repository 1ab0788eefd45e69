//! User-to-user similarity by what they have in common: the other way round than item-to-item.

/// The histories of all users by user and by item, both cut to a bounded length.
///
/// A user's neighbours are found at each request, from the histories that hold the same items, so that nothing has to
/// be rebuilt when a user does something.
///
/// ```
/// use recommend_embeddings::Users;
///
/// let users = Users::of([vec![0, 1, 2], vec![3, 4]], 5, (200, 2_000));
/// let alike = users.neighbours(&[(0, 1.0)], 10, 0.0);
/// let mut scores = [0.0; 5];
/// users.score(&alike, &mut scores);
/// assert!(scores[1] > 0.0 && scores[3] == 0.0);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Users {
    ends: Vec<usize>,
    items: Vec<u32>,
    by_item: Vec<Vec<u32>>,
    /// Of each item one over the logarithm of its number of users: what many have says little.
    rarity: Vec<f32>,
}

impl Users {
    /// Takes the histories of users, of items `0..items`, the latest first: `per_user` of each count, and the
    /// `per_item` users of each item that come first.
    ///
    /// # Panics
    /// When a history names an item that is not below `items`.
    pub fn of<H: AsRef<[u32]>>(
        histories: impl IntoIterator<Item = H>,
        items: usize,
        (per_user, per_item): (usize, usize),
    ) -> Self {
        let mut users = Users { by_item: vec![Vec::new(); items], ..Users::default() };
        let mut counts = vec![0_usize; items];
        for history in histories {
            let (user, history) = (users.ends.len() as u32, history.as_ref());
            for item in &history[..history.len().min(per_user)] {
                users.items.push(*item);
                counts[*item as usize] += 1;
                let of_item = &mut users.by_item[*item as usize];
                if of_item.len() < per_item {
                    of_item.push(user);
                }
            }
            users.ends.push(users.items.len());
        }
        users.rarity = counts.into_iter().map(|count| 1.0 / (count as f32 + 1.0).ln_1p()).collect();
        users
    }

    /// How many users.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn history(&self, user: u32) -> &[u32] {
        let user = user as usize;
        let start = if user == 0 { 0 } else { self.ends[user - 1] };
        &self.items[start..self.ends[user]]
    }

    /// The `keep` users most like a history of items with weights, best first, ties by number: the sum over what they
    /// have in common of weight × rarity, over the root of the length of their history and `shrinkage`.
    pub fn neighbours(&self, history: &[(u32, f32)], keep: usize, shrinkage: f32) -> Vec<(u32, f32)> {
        let mut sums: Vec<(u32, f32)> = Vec::new();
        for (item, weight) in history {
            let Some(users) = self.by_item.get(*item as usize) else { continue };
            sums.extend(users.iter().map(|user| (*user, weight * self.rarity[*item as usize])));
        }
        // Stable, so that sums do not depend on how a sort goes about equals.
        sums.sort_by_key(|(user, _)| *user);
        let mut alike: Vec<(u32, f32)> = sums
            .chunk_by(|a, b| a.0 == b.0)
            .map(|of_user| {
                let (user, length) = (of_user[0].0, self.history(of_user[0].0).len() as f32);
                (user, of_user.iter().map(|(_, part)| part).sum::<f32>() / (length + shrinkage).sqrt())
            })
            .collect();
        let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if alike.len() > keep && keep > 0 {
            alike.select_nth_unstable_by(keep - 1, order);
        }
        alike.truncate(keep);
        alike.sort_unstable_by(order);
        alike
    }

    /// Adds to `scores` (one per item) how much those neighbours have each item.
    ///
    /// # Panics
    /// When `scores` is shorter than the number of items.
    pub fn score(&self, neighbours: &[(u32, f32)], scores: &mut [f32]) {
        for (user, similarity) in neighbours {
            for item in self.history(*user) {
                scores[*item as usize] += similarity;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        Users::of([vec![0, 1, 2], vec![0, 1], vec![3, 4], vec![], vec![0, 5, 6, 7, 8, 9]], 10, (5, 100))
    }

    #[test]
    fn neighbours_have_much_in_common_and_little_else() {
        let near = users().neighbours(&[(0, 1.0), (1, 1.0)], 10, 0.0);
        assert_eq!(near.iter().map(|(user, _)| *user).collect::<Vec<_>>(), [1, 0, 4]);
        assert_eq!(users().neighbours(&[(0, 1.0)], 1, 0.0)[0].0, 1, "the shortest history");
        assert!(users().neighbours(&[(99, 1.0)], 10, 0.0).is_empty());
        assert!(users().neighbours(&[(0, 1.0)], 0, 0.0).is_empty());
    }

    #[test]
    fn what_neighbours_have_is_scored() {
        let (users, mut scores) = (users(), [0.0; 10]);
        users.score(&[(0, 2.0), (1, 1.0)], &mut scores);
        assert_eq!(scores[..4], [3.0, 3.0, 2.0, 0.0]);
    }

    #[test]
    fn histories_and_lists_are_cut() {
        let users = users();
        assert_eq!(users.history(4), [0, 5, 6, 7, 8], "five count");
        let cut = Users::of([[0], [0], [0]], 1, (5, 2));
        assert_eq!(cut.neighbours(&[(0, 1.0)], 10, 0.0).len(), 2);
    }
}
