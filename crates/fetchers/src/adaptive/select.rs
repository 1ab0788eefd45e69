//! Ensemble selection: which members make the best blend of the cases, and with what weights.

/// How deep a ranking is looked at.
const DEPTH: usize = 10;
/// How many members are added, the same one as often as it helps.
const ROUNDS: usize = 12;
/// A blend of fewer members, or of more different ones, that is worse by less than so many standard errors is preferred:
/// it will be as good.
const SLACK: f64 = 0.5;

/// What the members say about the candidates of each case, on one scale.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// Where the candidates of each case end.
    pub(super) ends: Vec<usize>,
    /// Whether a candidate is what the user turned to.
    pub(super) relevant: Vec<bool>,
    /// By member, then candidate.
    pub(super) scores: Vec<Vec<f32>>,
}

impl Columns {
    /// nDCG@10 of every case (Järvelin and Kekäläinen, TOIS 2002), ranked by `a + b`; among equals in order.
    fn gains(&self, a: &[f32], b: &[f32]) -> Vec<f64> {
        let mut gains = Vec::with_capacity(self.ends.len());
        let mut start = 0;
        for end in &self.ends {
            // The best so far, best first: short enough to insert into.
            let (mut top, mut len) = ([(f32::NEG_INFINITY, false); DEPTH], 0);
            let mut relevant = 0;
            for at in start..*end {
                relevant += usize::from(self.relevant[at]);
                let score = a[at] + b[at];
                if len < DEPTH || score > top[DEPTH - 1].0 {
                    let mut place = len.min(DEPTH - 1);
                    while place > 0 && score > top[place - 1].0 {
                        top[place] = top[place - 1];
                        place -= 1;
                    }
                    top[place] = (score, self.relevant[at]);
                    len = (len + 1).min(DEPTH);
                }
            }
            let discount = |place: usize| 1.0 / ((place + 2) as f64).log2();
            let ideal: f64 = (0..relevant.min(DEPTH)).map(discount).sum();
            let found = (0..len).filter(|place| top[*place].1).map(discount).sum::<f64>();
            gains.push(if ideal > 0.0 { found / ideal } else { 0.0 });
            start = *end;
        }
        gains
    }

    /// The weights, by member, of the blend that ranks the cases best: forward selection with replacement (Caruana,
    /// Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models", ICML 2004), which is hard to
    /// overfit because weights grow in small steps. It sets out twice: from the best member of each family, because
    /// what is different errs differently, and from nothing. Of all blends on the way the first wins that is not clearly
    /// worse than the best. Weights sum to 1; `None` without a case.
    pub(super) fn select(
        &self,
        members: &[usize],
        family: impl Fn(usize) -> u8,
    ) -> Option<Vec<(usize, f32)>> {
        if self.ends.is_empty() {
            return None;
        }
        let mut path = self.grow(members, self.best_of_families(members, family))?;
        path.extend(self.grow(members, Vec::new())?);
        let best = path.iter().reduce(|best, next| if next.mean() > best.mean() { next } else { best })?;
        let enough = path.iter().find(|blend| !clearly_better(&best.gains, &blend.gains))?;
        let share = 1.0 / enough.members.len() as f32;
        let mut weights: Vec<(usize, f32)> = Vec::new();
        for member in &enough.members {
            match weights.iter_mut().find(|(known, _)| known == member) {
                Some((_, weight)) => *weight += share,
                None => weights.push((*member, share)),
            }
        }
        weights.sort_by_key(|(member, _)| *member);
        Some(weights)
    }

    /// Each family's best member, alone.
    fn best_of_families(&self, members: &[usize], family: impl Fn(usize) -> u8) -> Vec<usize> {
        let nothing = vec![0.0_f32; self.relevant.len()];
        let mut best: Vec<(u8, f64, usize)> = Vec::new();
        for member in members {
            let gain = mean(&self.gains(&nothing, &self.scores[*member]));
            match best.iter_mut().find(|(known, ..)| *known == family(*member)) {
                Some(known) if gain > known.1 => (known.1, known.2) = (gain, *member),
                Some(_) => {}
                None => best.push((family(*member), gain, *member)),
            }
        }
        best.into_iter().map(|(.., member)| member).collect()
    }

    /// The blends on the way from some members, each time with the one more that helps most.
    fn grow(&self, members: &[usize], start: Vec<usize>) -> Option<Vec<Grown>> {
        let (mut sum, nothing) = (vec![0.0_f32; self.relevant.len()], vec![0.0_f32; self.relevant.len()]);
        let add = |sum: &mut [f32], member: usize| {
            sum.iter_mut().zip(&self.scores[member]).for_each(|(sum, score)| *sum += score);
        };
        start.iter().for_each(|member| add(&mut sum, *member));
        let (mut chosen, mut path) = (start, Vec::new());
        if !chosen.is_empty() {
            path.push(Grown { gains: self.gains(&sum, &nothing), members: chosen.clone() });
        }
        for _ in 0..ROUNDS {
            let tried = members.iter().map(|member| (*member, self.gains(&sum, &self.scores[*member])));
            let best = tried.reduce(|best, next| if mean(&next.1) > mean(&best.1) { next } else { best });
            let (member, gains) = best?;
            add(&mut sum, member);
            chosen.push(member);
            path.push(Grown { gains, members: chosen.clone() });
        }
        Some(path)
    }
}

/// A blend on the way, and what it gains in each case.
struct Grown {
    gains: Vec<f64>,
    members: Vec<usize>,
}

impl Grown {
    fn mean(&self) -> f64 {
        mean(&self.gains)
    }
}

fn mean(gains: &[f64]) -> f64 {
    gains.iter().sum::<f64>() / gains.len().max(1) as f64
}

/// Whether `a` is better than `b` by more than the slack, case by case.
fn clearly_better(a: &[f64], b: &[f64]) -> bool {
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let (n, mean) = (differences.len().max(1) as f64, mean(&differences));
    let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / n;
    mean > SLACK * (variance / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty candidates in each of `cases`; the first member finds what is relevant in even cases, the second in odd
    /// ones, the third nowhere.
    fn columns(cases: usize) -> Columns {
        let mut columns = Columns { scores: vec![Vec::new(); 3], ..Columns::default() };
        for case in 0..cases {
            for candidate in 0..20 {
                let relevant = candidate == 19;
                columns.relevant.push(relevant);
                for (member, scores) in columns.scores.iter_mut().enumerate() {
                    let knows = member == case % 2;
                    scores.push(if knows && relevant {
                        5.0
                    } else {
                        ((candidate * 7 + member) % 20) as f32 / 20.0
                    });
                }
            }
            columns.ends.push(columns.relevant.len());
        }
        columns
    }

    #[test]
    fn members_that_know_different_things_share_the_blend() {
        let weights = columns(40).select(&[0, 1, 2], |_| 0).unwrap();
        let of =
            |member| weights.iter().find(|(known, _)| *known == member).map_or(0.0, |(_, weight)| *weight);
        assert!(of(0) > 0.2 && of(1) > 0.2 && of(2) < 0.2, "{weights:?}");
        assert!((weights.iter().map(|(_, weight)| weight).sum::<f32>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn one_that_is_enough_is_alone() {
        let mut columns = columns(40);
        columns.scores[0] = columns.relevant.iter().map(|relevant| f32::from(u8::from(*relevant))).collect();
        assert_eq!(columns.select(&[0, 1, 2], |_| 0).unwrap(), [(0, 1.0)]);
    }

    #[test]
    fn different_ones_are_preferred_to_one_that_is_hardly_better() {
        let mut columns = columns(40);
        // The third is as good as the first two together, but for one case.
        let case = |at: usize| at / 20;
        columns.scores[2] = (0..columns.relevant.len())
            .map(|at| f32::from(u8::from(columns.relevant[at] && case(at) > 0)))
            .collect();
        let weights = columns.select(&[0, 1, 2], |member| member as u8).unwrap();
        assert_eq!(weights.len(), 3, "{weights:?}");
    }

    #[test]
    fn gains_are_ndcg() {
        let columns = columns(2);
        let zero = vec![0.0; columns.relevant.len()];
        assert_eq!(columns.gains(&zero, &columns.scores[0])[0], 1.0, "found first");
        assert_eq!(columns.gains(&zero, &zero), [0.0, 0.0], "the twentieth of equals");
        assert!(Columns::default().select(&[], |_| 0).is_none());
    }
}
