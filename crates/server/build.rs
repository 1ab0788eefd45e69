//! Compiles `proto/` to Rust without `protoc`.

use std::error::Error;
use std::path::PathBuf;

use prost::Message;

const FILES: [&str; 2] = ["recommend/v1/recommend.proto", "recommend/v1/catalog.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let protos = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", protos.display());
    println!("cargo:rerun-if-changed=build.rs");
    // cargo-fuzz sets it.
    println!("cargo::rustc-check-cfg=cfg(fuzzing)");

    let descriptors = protox::compile(FILES, [&protos])?;
    // The server's reflection service and its JSON mapping read the descriptors at run time.
    std::fs::write(out.join("recommend.v1.bin"), descriptors.encode_to_vec())?;

    let mut config = prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .compile_fds_with_config(descriptors, config)?;
    Ok(())
}
