//! With the feature `xgboost`: the binary finds libxgboost where it was when it was built, unless LD_LIBRARY_PATH says
//! otherwise.

fn main() {
    println!("cargo::rerun-if-env-changed=XGBOOST_LIB_DIR");
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_XGBOOST").is_some()
        && let Ok(folder) = std::env::var("XGBOOST_LIB_DIR")
    {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
