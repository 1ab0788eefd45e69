//! Contacts: people outside of the workspace with whom some inside meet.

use recommend_core::{EntityId, Timestamp, days};

use crate::chance::{Chance, whim};
use crate::people::{Person, Team, numbered};
use crate::rhythm::{Rhythm, SITES};
use crate::settings::Settings;
use crate::words;

/// People per contact.
const PEOPLE_PER_CONTACT: usize = 4;
/// Contacts of one company.
const COMPANY_SIZE: usize = 5;

/// Somebody at a customer or partner.
#[derive(Debug, Clone)]
pub struct Contact {
    /// The id as the API spells it: `E0…`.
    pub id: String,
    /// The id as a number.
    pub entity: EntityId,
    /// What the contact is called.
    pub name: String,
    /// Where the contact works.
    pub company: String,
    /// When somebody here first met the contact.
    pub created: Timestamp,
    pub(crate) rhythm: Rhythm,
}

/// How much one person has to do with one contact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Account {
    pub(crate) contact: usize,
    /// 0 to 1; the truth behind meetings and invitations.
    pub(crate) bond: f64,
}

/// The contacts, and for each person the accounts that the person looks after, strongest first.
pub(crate) fn meet(
    settings: &Settings,
    teams: &[Team],
    people: &[Person],
) -> (Vec<Contact>, Vec<Vec<Account>>) {
    let seed = settings.seed;
    let count = (people.len() / PEOPLE_PER_CONTACT).max(COMPANY_SIZE);
    let contacts: Vec<Contact> = (0..count)
        .map(|at| {
            let mut chance = Chance::stream(seed, "contact", at as u64);
            // A company sits in one place.
            let mut place = Chance::stream(seed, "company", (at / COMPANY_SIZE) as u64);
            let (site, _) = SITES[place.weighted(SITES.iter().map(|(_, share)| *share)).unwrap_or(0)];
            let id = words::slack_id('E', seed, at);
            Contact {
                entity: numbered(&id),
                id,
                name: words::person(at + 5_000),
                company: words::company(at / COMPANY_SIZE),
                created: settings
                    .start()
                    .after(days(settings.days as u64).mul_f64(chance.between(-1.0, 0.7).max(0.0))),
                rhythm: Rhythm::at(site, &mut chance),
            }
        })
        .collect();
    let companies = count.div_ceil(COMPANY_SIZE);
    let accounts = people
        .iter()
        .enumerate()
        .map(|(at, person)| {
            let mut chance = Chance::stream(seed, "accounts", at as u64);
            if !chance.happens(if teams[person.team].external { 0.9 } else { 0.18 }) {
                return Vec::new();
            }
            // A team shares a few companies; each of its people knows some of their people.
            let mut territory = Chance::stream(seed, "territory", person.team as u64);
            let served: Vec<usize> = (0..3)
                .filter_map(|_| {
                    // Of six companies the first at the team's own site: territories are regions, mostly.
                    let known: Vec<usize> = (0..6).map(|_| territory.below(companies)).collect();
                    let near = |company: &&usize| {
                        contacts[**company * COMPANY_SIZE].rhythm.site == teams[person.team].site
                    };
                    known.iter().find(near).or(known.first()).copied()
                })
                .collect();
            let mut accounts: Vec<Account> = (0..count)
                .filter(|contact| served.contains(&(contact / COMPANY_SIZE)))
                .filter(|_| chance.happens(0.55))
                .map(|contact| Account { contact, bond: bond(seed, person, &contacts[contact]) })
                .collect();
            accounts.sort_by(|a, b| b.bond.total_cmp(&a.bond).then(a.contact.cmp(&b.contact)));
            accounts
        })
        .collect();
    (contacts, accounts)
}

/// Heavy-tailed: most accounts are looked after a little, a few much.
fn bond(seed: u64, person: &Person, contact: &Contact) -> f64 {
    libm::exp(whim(seed, person.entity.0, contact.entity.0) - 1.2).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::hire;
    use crate::taste::topics;

    #[test]
    fn those_who_talk_to_customers_have_accounts() {
        let settings = Settings { people: 600, ..Settings::default() };
        let (teams, people) = hire(&settings, &topics(1));
        let (contacts, accounts) = meet(&settings, &teams, &people);
        assert_eq!(contacts.len(), 150);
        let share = |external: bool| {
            let those: Vec<usize> =
                (0..people.len()).filter(|at| teams[people[*at].team].external == external).collect();
            those.iter().filter(|at| !accounts[**at].is_empty()).count() as f64 / those.len() as f64
        };
        assert!(share(true) > 0.7 && share(false) < 0.35, "{} {}", share(true), share(false));
        assert!(accounts.iter().flatten().all(|account| (0.0..=1.0).contains(&account.bond)));
    }
}
