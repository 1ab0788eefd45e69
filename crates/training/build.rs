//! Where libxgboost lies, for the feature `xgboost`: to link against, and to be found again when tests run.

fn main() {
    println!("cargo::rerun-if-env-changed=XGBOOST_LIB_DIR");
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_XGBOOST").is_none() {
        return;
    }
    match std::env::var("XGBOOST_LIB_DIR") {
        Ok(folder) => {
            println!("cargo::rustc-link-search=native={folder}");
            println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
        }
        Err(_) => println!(
            "cargo::warning=XGBOOST_LIB_DIR is not set: libxgboost must be where the linker looks; `make train-xgboost` \
             brings it from PyPI"
        ),
    }
}
