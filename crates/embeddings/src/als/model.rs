//! What was learned, and how those are placed in it who came later.

use super::factors::{Factors, Lane, flat, flat_mut};
use super::kernels::Isa;
use super::settings::{AlsError, AlsSettings, Solver};
use super::solver::{Room, gram};

/// The vectors of one side, and the summed confidence of its mean row.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    factors: Factors,
    mean: f32,
}

impl Side {
    pub(crate) fn new(factors: Factors, mean: f32) -> Self {
        Side { factors, mean }
    }
}

/// A trained model.
#[derive(Debug, Clone)]
pub struct Als {
    isa: Isa,
    settings: AlsSettings,
    users: Side,
    items: Side,
    /// The Gram matrices, for those who come later.
    of_users: Vec<Lane>,
    of_items: Vec<Lane>,
}

impl Als {
    pub(crate) fn new(settings: AlsSettings, users: Side, items: Side) -> Self {
        let isa = Isa::detect();
        let (of_users, of_items) = (gram(isa, &users.factors, 1), gram(isa, &items.factors, 1));
        // One row is solved at once, and exactly.
        let settings = AlsSettings { solver: Solver::Cholesky, ..settings };
        Als { isa, settings, users, items, of_users, of_items }
    }

    /// The vectors of the users.
    pub fn users(&self) -> &Factors {
        &self.users.factors
    }

    /// The vectors of the items.
    pub fn items(&self) -> &Factors {
        &self.items.factors
    }

    /// The model without its users, where they are folded in anyway.
    #[must_use]
    pub fn without_users(mut self) -> Self {
        self.users.factors = Factors::zeros(0, self.settings.factors);
        self
    }

    /// The vector of a user with a history of (item, weight), folded in: the one that training would have given, had all
    /// items stayed where they are. Weights may be decayed by age. Items that the model does not know are skipped; a
    /// history without any is all zero.
    ///
    /// # Errors
    /// [`AlsError::Weight`] when a weight is not a number above 0.
    pub fn user(&self, history: &[(u32, f32)]) -> Result<Vec<f32>, AlsError> {
        self.fold(&self.items.factors, &self.of_items, self.users.mean, history)
    }

    /// The vector of an item that these users turned to, folded in.
    ///
    /// # Errors
    /// [`AlsError::Weight`] when a weight is not a number above 0.
    pub fn item(&self, users: &[(u32, f32)]) -> Result<Vec<f32>, AlsError> {
        self.fold(&self.users.factors, &self.of_users, self.items.mean, users)
    }

    fn fold(
        &self,
        source: &Factors,
        gram: &[Lane],
        mean: f32,
        of: &[(u32, f32)],
    ) -> Result<Vec<f32>, AlsError> {
        if let Some((_, weight)) = of.iter().find(|(_, weight)| !(weight.is_finite() && *weight > 0.0)) {
            return Err(AlsError::Weight(*weight));
        }
        let known: Vec<(u32, f32)> =
            of.iter().copied().filter(|(row, _)| (*row as usize) < source.rows()).collect();
        let mut x = vec![Lane::default(); source.lanes()];
        Room::new(self.isa, source.lanes()).solve(&self.settings, gram, source, &known, mean, &mut x)?;
        Ok(flat(&x)[..self.settings.factors].to_vec())
    }

    /// Writes the score of each item for a user's vector.
    ///
    /// # Panics
    /// When the vector has not as many numbers as there are factors, or `scores` not as many as there are items.
    pub fn score(&self, user: &[f32], scores: &mut [f32]) {
        let mut x = vec![Lane::default(); self.items.factors.lanes()];
        flat_mut(&mut x)[..self.settings.factors].copy_from_slice(user);
        self.isa.dots(self.items.factors.cells(), &x, scores);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sparse;
    use crate::als::Trainer;

    fn model() -> (Sparse, Als) {
        let cells = (0..60_u32)
            .flat_map(|user| (0..8).map(move |turn| (user, (user % 5) * 6 + (user + turn) % 6, 1.0)));
        let matrix = Sparse::from_triplets(60, 30, cells);
        let settings = AlsSettings { factors: 12, regularization: 1.0, ..AlsSettings::default() };
        let mut trainer = Trainer::new(&matrix, settings).unwrap();
        (0..30).for_each(|_| trainer.step().unwrap());
        (matrix, trainer.finish())
    }

    #[test]
    fn a_folded_in_row_is_where_training_had_put_it() {
        let (matrix, model) = model();
        // The items were solved last, from these very users.
        let items = matrix.transposed();
        for item in 0..30 {
            let folded = model.item(items.row(item)).unwrap();
            for (a, b) in folded.iter().zip(model.items().row(item)) {
                assert!((a - b).abs() < 1e-3, "{folded:?}");
            }
        }
        // After so many iterations the users hardly move any more either.
        for (a, b) in model.user(matrix.row(7)).unwrap().iter().zip(model.users().row(7)) {
            assert!((a - b).abs() < 0.02);
        }
    }

    #[test]
    fn what_counts_more_says_more() {
        let (_, model) = model();
        let mut scores = vec![0.0; 30];
        model.score(&model.user(&[(0, 1.0), (29, 0.01)]).unwrap(), &mut scores);
        assert!(scores[1] > scores[25], "{scores:?}");
        model.score(&model.user(&[(0, 0.01), (29, 1.0)]).unwrap(), &mut scores);
        assert!(scores[1] < scores[25], "{scores:?}");
    }

    #[test]
    fn strangers_get_nothing_and_bad_weights_are_refused() {
        let (_, model) = model();
        assert_eq!(model.user(&[(4_000, 1.0)]).unwrap(), [0.0; 12]);
        assert_eq!(model.user(&[(1, -1.0)]), Err(AlsError::Weight(-1.0)));
        assert_eq!(model.without_users().item(&[(0, 1.0)]).unwrap(), [0.0; 12]);
    }
}
