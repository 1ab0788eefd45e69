//! proto3's JSON mapping, driven by the descriptors: <https://protobuf.dev/programming-guides/json/>.

use std::sync::LazyLock;

use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions,
};
use tonic::Status;

use crate::proto::DESCRIPTORS;

/// The descriptors are a part of the program; were they broken, no call could be read and each would say so.
static POOL: LazyLock<Result<DescriptorPool, String>> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).map_err(|error| error.to_string()));

fn descriptor<M: prost::Name>() -> Result<MessageDescriptor, Status> {
    let pool = POOL.as_ref().map_err(|error| Status::internal(format!("broken descriptors: {error}")))?;
    let name = M::full_name();
    pool.get_message_by_name(&name).ok_or_else(|| Status::internal(format!("{name} has no descriptor")))
}

/// Reads a message.
///
/// # Errors
/// `INVALID_ARGUMENT` with line and column when the text is not JSON, or has a field that the message does not have.
pub(crate) fn read<M: prost::Message + prost::Name + Default>(text: &[u8]) -> Result<M, Status> {
    let wrong = |error: serde_json::Error| {
        Status::invalid_argument(format!("the body is not a {} in JSON: {error}", M::NAME))
    };
    let mut reader = serde_json::Deserializer::from_slice(text);
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let message =
        DynamicMessage::deserialize_with_options(descriptor::<M>()?, &mut reader, &options).map_err(wrong)?;
    reader.end().map_err(wrong)?;
    message.transcode_to().map_err(|error| Status::invalid_argument(error.to_string()))
}

/// Writes a message; fields with their default value are written too, so that a reader need not know the defaults.
///
/// # Errors
/// `INTERNAL` when the descriptors do not fit the messages.
pub(crate) fn write<M: prost::Message + prost::Name>(message: &M) -> Result<Vec<u8>, Status> {
    let internal = |error: String| Status::internal(error);
    let mut dynamic = DynamicMessage::new(descriptor::<M>()?);
    dynamic.transcode_from(message).map_err(|error| internal(error.to_string()))?;
    let options = SerializeOptions::new().skip_default_fields(false);
    let mut out = Vec::new();
    dynamic
        .serialize_with_options(&mut serde_json::Serializer::new(&mut out), &options)
        .map_err(|error| internal(error.to_string()))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Contribution, RecommendRequest, RecordInteractionsRequest};

    #[test]
    fn both_spellings_of_a_field_and_standard_times_are_read() {
        let text = br#"{"tenant": "T", "interactions": [
            {"requestId": "ab", "user": "U", "time": "2024-01-02T03:04:05.678Z"},
            {"request_id": "cd", "value": 0.5, "time": "2024-01-02T05:04:05+02:00"}
        ]}"#;
        let request: RecordInteractionsRequest = read(text).unwrap();
        assert_eq!(request.interactions[0].request_id, "ab");
        assert_eq!(request.interactions[0].time.unwrap().nanos, 678_000_000);
        assert_eq!(request.interactions[1].request_id, "cd");
        assert_eq!(
            request.interactions[1].time.unwrap().seconds,
            request.interactions[0].time.unwrap().seconds
        );
        assert_eq!(request.interactions[1].value, Some(0.5));
    }

    #[test]
    fn what_the_message_does_not_have_is_an_error_with_its_place() {
        for text in [r#"{"tenantt": "T"}"#, r#"{"limit": "many"}"#, "{", "[]", r#"{} {}"#, r#"{"limit": -1}"#]
        {
            let status = read::<RecommendRequest>(text.as_bytes()).unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument, "{text}");
            assert!(status.message().contains("RecommendRequest in JSON"), "{status}");
        }
    }

    #[test]
    fn nan_survives_as_a_string() {
        let text = write(&Contribution { value: f32::NAN, ..Contribution::default() }).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), r#"{"feature":"","value":"NaN","contribution":0.0}"#);
    }
}
