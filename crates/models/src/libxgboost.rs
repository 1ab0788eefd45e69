//! XGBoost's own library, through its C API, as the judge of ours in tests and benches. Nothing in serving uses it.
//!
//! The library is opened at run time from the folder in `XGBOOST_LIB_DIR` (the `lib` folder of the PyPI wheel
//! `xgboost-cpu`); building needs nothing.

use std::ffi::{CStr, CString, c_char, c_float, c_int, c_uint, c_void};
use std::path::PathBuf;
use std::ptr;
use std::sync::Arc;

use libloading::Library;

type Handle = *mut c_void;

/// The environment variable that holds the library's folder.
pub const LIB_DIR: &str = "XGBOOST_LIB_DIR";

/// What the library did not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LibError {
    /// There is no library.
    #[error(
        "no libxgboost: {0}; set {LIB_DIR} to the `lib` folder of the PyPI wheel xgboost-cpu (make xgboost)"
    )]
    Missing(String),
    /// It refused a call.
    #[error("libxgboost: {0}")]
    Refused(String),
}

macro_rules! api {
    ($($name:ident($($argument:ty),*);)*) => {
        /// The functions that are used, each valid as long as the library is open.
        #[allow(non_snake_case, reason = "the names are the library's")]
        struct Api {
            XGBGetLastError: unsafe extern "C" fn() -> *const c_char,
            $($name: unsafe extern "C" fn($($argument),*) -> c_int,)*
            _library: Library,
        }

        impl Api {
            fn load(library: Library) -> Result<Self, libloading::Error> {
                // SAFETY: names and signatures are those of XGBoost's c_api.h, stable since 1.6.
                unsafe {
                    Ok(Api {
                        XGBGetLastError: *library.get(b"XGBGetLastError\0")?,
                        $($name: *library.get(concat!(stringify!($name), "\0").as_bytes())?,)*
                        _library: library,
                    })
                }
            }
        }
    };
}

api! {
    XGBSetGlobalConfig(*const c_char);
    XGDMatrixCreateFromDense(*const c_char, *const c_char, *mut Handle);
    XGDMatrixSetFloatInfo(Handle, *const c_char, *const c_float, u64);
    XGDMatrixSetUIntInfo(Handle, *const c_char, *const c_uint, u64);
    XGDMatrixSetStrFeatureInfo(Handle, *const c_char, *const *const c_char, u64);
    XGDMatrixFree(Handle);
    XGBoosterCreate(*const Handle, u64, *mut Handle);
    XGBoosterFree(Handle);
    XGBoosterSetStrFeatureInfo(Handle, *const c_char, *const *const c_char, u64);
    XGBoosterSetParam(Handle, *const c_char, *const c_char);
    XGBoosterUpdateOneIter(Handle, c_int, Handle);
    XGBoosterPredictFromDMatrix(Handle, Handle, *const c_char, *mut *const u64, *mut u64, *mut *const c_float);
    XGBoosterPredictFromDense(Handle, *const c_char, *const c_char, Handle, *mut *const u64, *mut u64, *mut *const c_float);
    XGBoosterLoadModelFromBuffer(Handle, *const c_void, u64);
    XGBoosterSaveModelToBuffer(Handle, *const c_char, *mut u64, *mut *const c_char);
}

/// The library, open.
#[derive(Clone)]
pub struct LibXgboost(Arc<Api>);

impl std::fmt::Debug for LibXgboost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LibXgboost")
    }
}

/// What a prediction is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Predict {
    /// Through the objective.
    Value = 0,
    /// Raw scores.
    Margin = 1,
    /// `pred_contribs`.
    Contributions = 2,
    /// `pred_interactions`.
    Interactions = 4,
}

fn text(value: &str) -> CString {
    // A NUL in a parameter is nobody's intention; without it the text is what remains.
    CString::new(value.replace('\0', "")).unwrap_or_default()
}

impl LibXgboost {
    /// Opens the library from the folder in `XGBOOST_LIB_DIR`.
    ///
    /// # Errors
    /// [`LibError::Missing`] when the variable is not set or holds no library.
    pub fn open() -> Result<Self, LibError> {
        let folder =
            std::env::var_os(LIB_DIR).ok_or_else(|| LibError::Missing(format!("{LIB_DIR} is not set")))?;
        let path = PathBuf::from(folder).join(libloading::library_filename("xgboost"));
        let missing = |error: libloading::Error| LibError::Missing(format!("{}: {error}", path.display()));
        // SAFETY: the library's initialisers are those of XGBoost and OpenMP, which have no preconditions.
        let library = unsafe { Library::new(&path) }.map_err(missing)?;
        let library = LibXgboost(Arc::new(Api::load(library).map_err(missing)?));
        let quiet = text(r#"{"verbosity": 0}"#);
        // SAFETY: a NUL-terminated string that outlives the call.
        library.check(unsafe { (library.0.XGBSetGlobalConfig)(quiet.as_ptr()) })?;
        Ok(library)
    }

    fn check(&self, code: c_int) -> Result<(), LibError> {
        if code == 0 {
            return Ok(());
        }
        // SAFETY: returns a NUL-terminated string, valid until the next call on this thread.
        let reason = unsafe { CStr::from_ptr((self.0.XGBGetLastError)()) };
        Err(LibError::Refused(reason.to_string_lossy().into_owned()))
    }

    /// A booster with these parameters, on one thread.
    ///
    /// # Errors
    /// What the library refuses.
    pub fn booster(&self, parameters: &[(&str, &str)]) -> Result<LibBooster, LibError> {
        self.booster_over(&[], parameters)
    }

    /// A booster that will be trained on a matrix.
    ///
    /// # Errors
    /// What the library refuses.
    pub fn trainer(&self, matrix: &LibMatrix, parameters: &[(&str, &str)]) -> Result<LibBooster, LibError> {
        self.booster_over(&[matrix.handle], parameters)
    }

    fn booster_over(&self, matrices: &[Handle], parameters: &[(&str, &str)]) -> Result<LibBooster, LibError> {
        let mut handle = ptr::null_mut();
        // SAFETY: pointer and length of live handles, and a place for the new one.
        self.check(unsafe {
            (self.0.XGBoosterCreate)(matrices.as_ptr(), matrices.len() as u64, &mut handle)
        })?;
        let booster = LibBooster { library: self.clone(), handle };
        booster.set("nthread", "1")?;
        parameters.iter().try_for_each(|(name, value)| booster.set(name, value))?;
        Ok(booster)
    }

    /// A matrix of rows, NaN missing.
    ///
    /// # Errors
    /// What the library refuses, infinite values among it.
    pub fn matrix(&self, values: &[f32], features: usize) -> Result<LibMatrix, LibError> {
        let mut handle = ptr::null_mut();
        let (array, config) = (array(values, features), text(r#"{"missing": NaN, "nthread": 1}"#));
        // SAFETY: the interface describes `values`, which outlive the call; the library copies them.
        self.check(unsafe {
            (self.0.XGDMatrixCreateFromDense)(array.as_ptr(), config.as_ptr(), &mut handle)
        })?;
        Ok(LibMatrix { library: self.clone(), handle })
    }
}

/// NumPy's array interface over row-major f32.
fn array(values: &[f32], features: usize) -> CString {
    let rows = values.len() / features.max(1);
    let address = values.as_ptr() as usize;
    text(&format!(
        r#"{{"data": [{address}, true], "shape": [{rows}, {features}], "typestr": "<f4", "version": 3}}"#
    ))
}

/// A matrix of the library.
#[derive(Debug)]
pub struct LibMatrix {
    library: LibXgboost,
    handle: Handle,
}

impl LibMatrix {
    /// Sets labels or weights.
    ///
    /// # Errors
    /// What the library refuses.
    pub fn floats(&self, field: &str, values: &[f32]) -> Result<(), LibError> {
        let field = text(field);
        // SAFETY: pointer and length of `values`, which the library copies.
        self.library.check(unsafe {
            (self.library.0.XGDMatrixSetFloatInfo)(
                self.handle,
                field.as_ptr(),
                values.as_ptr(),
                values.len() as u64,
            )
        })
    }

    /// Sets the sizes of the queries.
    ///
    /// # Errors
    /// What the library refuses.
    pub fn queries(&self, sizes: &[u32]) -> Result<(), LibError> {
        let field = text("group");
        // SAFETY: pointer and length of `sizes`, which the library copies.
        self.library.check(unsafe {
            (self.library.0.XGDMatrixSetUIntInfo)(
                self.handle,
                field.as_ptr(),
                sizes.as_ptr(),
                sizes.len() as u64,
            )
        })
    }

    /// Sets `feature_name` or `feature_type`, one per feature.
    ///
    /// # Errors
    /// What the library refuses.
    pub fn strings(&self, field: &str, values: &[String]) -> Result<(), LibError> {
        let field = text(field);
        let values: Vec<CString> = values.iter().map(|value| text(value)).collect();
        let pointers: Vec<*const c_char> = values.iter().map(|value| value.as_ptr()).collect();
        // SAFETY: an array of NUL-terminated strings that outlive the call.
        self.library.check(unsafe {
            (self.library.0.XGDMatrixSetStrFeatureInfo)(
                self.handle,
                field.as_ptr(),
                pointers.as_ptr(),
                pointers.len() as u64,
            )
        })
    }
}

impl Drop for LibMatrix {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and not used again.
        unsafe { (self.library.0.XGDMatrixFree)(self.handle) };
    }
}

/// A booster of the library.
#[derive(Debug)]
pub struct LibBooster {
    library: LibXgboost,
    handle: Handle,
}

impl LibBooster {
    /// Sets a parameter.
    ///
    /// # Errors
    /// What the library refuses.
    pub fn set(&self, name: &str, value: &str) -> Result<(), LibError> {
        let (name, value) = (text(name), text(value));
        // SAFETY: two NUL-terminated strings that outlive the call.
        self.library
            .check(unsafe { (self.library.0.XGBoosterSetParam)(self.handle, name.as_ptr(), value.as_ptr()) })
    }

    /// Sets the names of the features, which the library itself never takes from a matrix.
    ///
    /// # Errors
    /// What the library refuses.
    pub fn names(&self, names: &[String]) -> Result<(), LibError> {
        let field = text("feature_name");
        let names: Vec<CString> = names.iter().map(|name| text(name)).collect();
        let pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: an array of NUL-terminated strings that outlive the call.
        self.library.check(unsafe {
            (self.library.0.XGBoosterSetStrFeatureInfo)(
                self.handle,
                field.as_ptr(),
                pointers.as_ptr(),
                pointers.len() as u64,
            )
        })
    }

    /// Trains so many rounds.
    ///
    /// # Errors
    /// What the library refuses.
    pub fn train(&self, matrix: &LibMatrix, rounds: i32) -> Result<(), LibError> {
        (0..rounds).try_for_each(|round| {
            // SAFETY: two live handles.
            self.library
                .check(unsafe { (self.library.0.XGBoosterUpdateOneIter)(self.handle, round, matrix.handle) })
        })
    }

    /// Loads a saved model.
    ///
    /// # Errors
    /// What the library refuses.
    pub fn load(&self, bytes: &[u8]) -> Result<(), LibError> {
        // SAFETY: pointer and length of `bytes`.
        self.library.check(unsafe {
            (self.library.0.XGBoosterLoadModelFromBuffer)(
                self.handle,
                bytes.as_ptr().cast(),
                bytes.len() as u64,
            )
        })
    }

    /// Saves as `json` or `ubj`.
    ///
    /// # Errors
    /// What the library refuses.
    pub fn save(&self, format: &str) -> Result<Vec<u8>, LibError> {
        let config = text(&format!(r#"{{"format": "{format}"}}"#));
        let (mut len, mut data) = (0, ptr::null());
        // SAFETY: places for a length and a pointer to a buffer of the booster's, valid until its next call.
        self.library.check(unsafe {
            (self.library.0.XGBoosterSaveModelToBuffer)(self.handle, config.as_ptr(), &mut len, &mut data)
        })?;
        // SAFETY: the library has just returned this pointer and length; the bytes are copied before anything else is called.
        Ok(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len as usize) }.to_vec())
    }

    /// Predicts the rows of a matrix with all rounds.
    ///
    /// # Errors
    /// What the library refuses.
    pub fn predict(&self, matrix: &LibMatrix, what: Predict) -> Result<Vec<f32>, LibError> {
        let config = config(what);
        self.prediction(|shape, dim, out| {
            // SAFETY: two live handles, and places for what comes out.
            unsafe {
                (self.library.0.XGBoosterPredictFromDMatrix)(
                    self.handle,
                    matrix.handle,
                    config.as_ptr(),
                    shape,
                    dim,
                    out,
                )
            }
        })
    }

    /// Predicts rows where they lie, without a matrix: the library's own fast path.
    ///
    /// # Errors
    /// What the library refuses.
    pub fn predict_in_place(
        &self,
        values: &[f32],
        features: usize,
        what: Predict,
    ) -> Result<Vec<f32>, LibError> {
        let (array, config) = (array(values, features), config(what));
        self.prediction(|shape, dim, out| {
            // SAFETY: the interface describes `values`, which outlive the call; places for what comes out.
            unsafe {
                (self.library.0.XGBoosterPredictFromDense)(
                    self.handle,
                    array.as_ptr(),
                    config.as_ptr(),
                    ptr::null_mut(),
                    shape,
                    dim,
                    out,
                )
            }
        })
    }

    fn prediction(
        &self,
        call: impl FnOnce(*mut *const u64, *mut u64, *mut *const c_float) -> c_int,
    ) -> Result<Vec<f32>, LibError> {
        let (mut shape, mut dim, mut out) = (ptr::null(), 0, ptr::null());
        self.library.check(call(&mut shape, &mut dim, &mut out))?;
        // SAFETY: the library has just returned a shape of `dim` numbers and as many values as their product, in buffers
        // of the booster's that live until its next call; they are copied before that.
        unsafe {
            let len: u64 = std::slice::from_raw_parts(shape, dim as usize).iter().product();
            Ok(std::slice::from_raw_parts(out, len as usize).to_vec())
        }
    }
}

fn config(what: Predict) -> CString {
    text(&format!(
        r#"{{"type": {}, "training": false, "iteration_begin": 0, "iteration_end": 0, "strict_shape": true, "missing": NaN,
            "cache_id": 0}}"#,
        what as u8
    ))
}

impl Drop for LibBooster {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and not used again.
        unsafe { (self.library.0.XGBoosterFree)(self.handle) };
    }
}
