//! No file of the log holds the id of a tenant or a person.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;

use common::*;
use recommend_core::{IdCodec, TenantId, UserId};
use recommend_events::LogReader;

/// The ways in which a number could stand in a file.
fn spellings(number: u64) -> Vec<Vec<u8>> {
    let codec = IdCodec::new(KEY);
    let mut spellings = vec![
        number.to_le_bytes().to_vec(),
        number.to_be_bytes().to_vec(),
        number.to_string().into_bytes(),
        format!("{number:x}").into_bytes(),
        format!("{number:X}").into_bytes(),
    ];
    spellings.extend(codec.decode(number).map(String::into_bytes));
    spellings
}

fn search(folder: &Path, secrets: &[u64]) {
    let files = files(folder);
    assert!(files.len() > 1);
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        for secret in secrets {
            for spelling in spellings(*secret) {
                let found = bytes.windows(spelling.len()).any(|window| window == spelling);
                assert!(!found, "{} holds {secret:#x}", file.display());
            }
        }
    }
}

#[tokio::test]
async fn raw_ids_of_tenants_and_people_are_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let codec = IdCodec::new(KEY);
    let tenant = TenantId(codec.encode("T024BE7LD").unwrap());
    let user = UserId(codec.encode("U02ABCDEF").unwrap());
    let colleague = UserId(codec.encode("U02FEDCBA").unwrap());
    let channel = codec.encode("C073DKH9P").unwrap();
    let log = open(folder.path());
    for (n, corpus, entity) in
        [(1, "channel", channel), (2, "user", colleague.0), (3, "contact", colleague.0)]
    {
        let mut request = request(n, 1);
        (request.tenant, request.user) = (tenant, user);
        request.corpus = names(&[corpus]).remove(0);
        request.items[0].entity.0 = entity;
        log.log_request(request);
        let mut interaction = interaction(n);
        (interaction.tenant, interaction.user) = (tenant, user);
        interaction.corpus = names(&[corpus]).remove(0);
        interaction.entity.0 = entity;
        log.log_interactions(vec![interaction]).await.unwrap();
    }
    log.flush().await.unwrap();
    let secrets = [tenant.0, user.0, colleague.0];
    search(folder.path(), &secrets);

    log.close().await.unwrap();
    // Parquet is compressed, so the columns are looked at as well.
    search(folder.path(), &secrets);
    let reader = LogReader::open(folder.path()).unwrap();
    let pseudonym = pseudonyms().user(tenant, colleague);
    let mut entities: Vec<u64> = reader.impressions().unwrap().iter().map(|row| row.entity).collect();
    for row in reader.requests().unwrap() {
        assert_eq!((row.tenant, row.user), (pseudonyms().tenant(tenant), pseudonyms().user(tenant, user)));
    }
    entities.extend(reader.interactions().unwrap().iter().map(|row| row.entity));
    entities.sort_unstable();
    let mut expected = [channel, channel, pseudonym, pseudonym, pseudonym, pseudonym];
    expected.sort_unstable();
    assert_eq!(entities, expected, "people are pseudonyms and channels are not");
}
