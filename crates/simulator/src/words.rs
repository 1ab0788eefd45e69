//! Words: what people, teams, projects and companies are called, and ids shaped like Slack's.

/// A given name and a family name for the person `n`; different for the first 10,000 people.
pub(crate) fn person(n: usize) -> String {
    // 37 and 73 are coprime to the lengths, so neighbours in number have nothing in common.
    let given = GIVEN[n * 37 % GIVEN.len()];
    let family = FAMILY[(n * 73 + n / GIVEN.len() * 31) % FAMILY.len()];
    format!("{given} {family}")
}

/// What a team works on; numbered from the second round on.
pub(crate) fn area(n: usize) -> String {
    numbered(AREAS[n % AREAS.len()].to_owned(), n / AREAS.len())
}

/// What a project is called.
pub(crate) fn project(n: usize) -> String {
    let (first, second) = (n % ADJECTIVES.len(), n / ADJECTIVES.len() + n * 7);
    let round = n / (ADJECTIVES.len() * NOUNS.len());
    numbered(format!("{}-{}", ADJECTIVES[first], NOUNS[second % NOUNS.len()]), round)
}

/// What a customer or partner is called.
pub(crate) fn company(n: usize) -> String {
    let (first, second) = (COMPANY[n % COMPANY.len()], FIRMS[n / COMPANY.len() % FIRMS.len()]);
    format!("{first} {second}")
}

fn numbered(word: String, round: usize) -> String {
    match round {
        0 => word,
        round => format!("{word}-{}", round + 1),
    }
}

/// An id shaped like Slack's: a letter, a zero, and nine digits in base 36. Different numbers have different ids, and
/// neighbours in number look nothing alike.
pub(crate) fn slack_id(letter: char, seed: u64, n: usize) -> String {
    const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const SPACE: u128 = 36_u128.pow(9);
    // The factor is coprime to 36, which makes this a permutation of the space.
    let mut rest = (n as u128 * 46_511_297_364_215 + u128::from(seed) * 7_919 + 31_415_926_535) % SPACE;
    let mut digits = [b'0'; 9];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 36) as usize];
        rest /= 36;
    }
    let digits: String = digits.iter().map(|digit| char::from(*digit)).collect();
    format!("{letter}0{digits}")
}

const GIVEN: [&str; 100] = [
    "Ada",
    "Aiko",
    "Alejandro",
    "Amara",
    "Amit",
    "Ana",
    "Anders",
    "Anika",
    "Arjun",
    "Astrid",
    "Aya",
    "Beatriz",
    "Ben",
    "Bianca",
    "Carlos",
    "Chiara",
    "Chidi",
    "Chloe",
    "Claire",
    "Daniel",
    "Deepa",
    "Diego",
    "Dmitri",
    "Ebba",
    "Eiji",
    "Elena",
    "Elif",
    "Emeka",
    "Emil",
    "Esther",
    "Farah",
    "Fatima",
    "Felix",
    "Femi",
    "Finn",
    "Freya",
    "Gabriel",
    "Grace",
    "Greta",
    "Hana",
    "Hassan",
    "Helena",
    "Hiro",
    "Ida",
    "Ines",
    "Ingrid",
    "Isaac",
    "Ivan",
    "Jamal",
    "Jana",
    "Jin",
    "Joana",
    "Jonas",
    "Julia",
    "Kai",
    "Kamala",
    "Karim",
    "Katya",
    "Kofi",
    "Lars",
    "Laila",
    "Leo",
    "Lin",
    "Lucia",
    "Magnus",
    "Maja",
    "Marco",
    "Maria",
    "Mateo",
    "Mei",
    "Mina",
    "Nadia",
    "Nils",
    "Noor",
    "Nora",
    "Olga",
    "Omar",
    "Oscar",
    "Paula",
    "Pedro",
    "Petra",
    "Priya",
    "Rafael",
    "Ravi",
    "Rosa",
    "Ruth",
    "Sam",
    "Sana",
    "Sofia",
    "Sven",
    "Tara",
    "Theo",
    "Tomas",
    "Uma",
    "Vera",
    "Victor",
    "Wei",
    "Yara",
    "Yusuf",
    "Zoe",
];

const FAMILY: [&str; 100] = [
    "Abe",
    "Adeyemi",
    "Ahmed",
    "Almeida",
    "Andersson",
    "Araujo",
    "Bakker",
    "Banerjee",
    "Bauer",
    "Becker",
    "Bello",
    "Berg",
    "Bianchi",
    "Brown",
    "Castro",
    "Chan",
    "Chen",
    "Costa",
    "Cruz",
    "Dahl",
    "Das",
    "Diaz",
    "Dubois",
    "Eze",
    "Fischer",
    "Fontaine",
    "Garcia",
    "Gomez",
    "Gupta",
    "Haddad",
    "Hansen",
    "Hoffmann",
    "Huang",
    "Ibrahim",
    "Ito",
    "Ivanova",
    "Jansen",
    "Johansson",
    "Kato",
    "Kaya",
    "Keller",
    "Khan",
    "Kim",
    "Klein",
    "Kovacs",
    "Kowalski",
    "Kumar",
    "Larsen",
    "Laurent",
    "Lee",
    "Leroy",
    "Li",
    "Lindqvist",
    "Lopez",
    "Martin",
    "Mehta",
    "Meyer",
    "Mori",
    "Moreau",
    "Mueller",
    "Mwangi",
    "Nakamura",
    "Nguyen",
    "Novak",
    "Okafor",
    "Oliveira",
    "Olsen",
    "Ortiz",
    "Osei",
    "Park",
    "Patel",
    "Pereira",
    "Petrov",
    "Popescu",
    "Quinn",
    "Ramos",
    "Rao",
    "Reyes",
    "Ricci",
    "Rossi",
    "Saito",
    "Santos",
    "Sato",
    "Schmidt",
    "Sharma",
    "Silva",
    "Singh",
    "Smith",
    "Suzuki",
    "Tanaka",
    "Torres",
    "Tran",
    "Vogel",
    "Wagner",
    "Walker",
    "Wang",
    "Weber",
    "Yilmaz",
    "Young",
    "Zhang",
];

const AREAS: [&str; 60] = [
    "growth",
    "payments",
    "search",
    "platform",
    "checkout",
    "identity",
    "billing",
    "onboarding",
    "insights",
    "mobile-app",
    "web-app",
    "design-system",
    "data-platform",
    "ml",
    "observability",
    "infra",
    "networking",
    "security",
    "privacy",
    "compliance",
    "developer-tools",
    "api",
    "integrations",
    "partners",
    "enterprise",
    "self-serve",
    "field-sales",
    "inside-sales",
    "solutions",
    "customer-success",
    "support",
    "community",
    "brand",
    "content",
    "events",
    "finance",
    "legal",
    "recruiting",
    "people",
    "workplace",
    "it",
    "procurement",
    "pricing",
    "notifications",
    "messaging",
    "calls",
    "files",
    "editor",
    "calendar",
    "permissions",
    "storage",
    "edge",
    "release",
    "quality",
    "accessibility",
    "localisation",
    "experimentation",
    "research",
    "strategy",
    "ops",
];

const ADJECTIVES: [&str; 24] = [
    "amber", "blue", "bold", "brisk", "calm", "clear", "copper", "crisp", "deep", "early", "fast", "fresh",
    "golden", "green", "bright", "light", "lunar", "north", "open", "quiet", "rapid", "silver", "solar",
    "swift",
];

const NOUNS: [&str; 24] = [
    "anchor", "atlas", "beacon", "bridge", "canyon", "comet", "compass", "delta", "falcon", "forest",
    "harbor", "heron", "island", "lantern", "maple", "meadow", "orchid", "otter", "pebble", "pine", "river",
    "summit", "tide", "willow",
];

const COMPANY: [&str; 20] = [
    "Northwind",
    "Contoso",
    "Initech",
    "Globex",
    "Umbra",
    "Vandelay",
    "Hooli",
    "Stark",
    "Wayne",
    "Acme",
    "Cyberdyne",
    "Tyrell",
    "Soylent",
    "Wonka",
    "Monarch",
    "Aperture",
    "Octan",
    "Duff",
    "Gringotts",
    "Zorg",
];

const FIRMS: [&str; 6] = ["Labs", "Group", "Systems", "Partners", "Foods", "Logistics"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_ids_are_different_for_different_numbers() {
        let all = |name: &dyn Fn(usize) -> String, n: usize| (0..n).map(name).collect::<BTreeSet<_>>().len();
        assert_eq!(all(&person, 5_000), 5_000);
        assert_eq!(all(&area, 200), 200);
        assert_eq!(all(&project, 1_000), 1_000);
        assert_eq!(all(&|n| slack_id('U', 9, n), 20_000), 20_000);
    }

    #[test]
    fn ids_look_like_those_of_slack() {
        let id = slack_id('C', 1, 5);
        assert_eq!(id.len(), 11);
        assert!(id.starts_with("C0") && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()));
    }
}
