#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace holdfast::sealed {

/// Bounds on a module, set by the trustee. Beyond them a module is not looked at further.
struct ModuleBounds {
  std::size_t file_bytes_max = 16u << 20;
  std::size_t code_bytes_max = 8u << 20;
  std::size_t function_bytes_max = 1u << 20;
  std::uint32_t functions_max = 50'000;
  std::uint32_t memory_pages_max = 4096;  ///< of 64 KiB; what the module wants at its start
  std::uint32_t table_elements_max = 100'000;
};

struct ModuleImport {
  std::string module, name;
  std::string signature;  ///< of a function as in wasi.h (f: f32, F: f64, v: v128, r: a reference); else "memory", …
};
struct ModuleExport {
  std::string name;
  std::string_view kind;  ///< "function", "table", "memory", "global"
};

/// What admission shows of a module.
struct ModuleReport {
  Hash hash;  ///< SHA-256 of the file
  std::size_t size_bytes = 0;
  std::vector<ModuleImport> imports;
  std::vector<ModuleExport> exports;
  std::uint32_t functions = 0;  ///< defined, not imported
  std::size_t code_bytes = 0, largest_function_bytes = 0, data_bytes = 0;
  std::uint32_t memory_pages = 0;
  std::optional<std::uint32_t> memory_pages_max;  ///< as it declares; none: as many as it gets
  std::uint64_t table_elements = 0;
  std::vector<std::string> custom_sections;  ///< names; they may hold anything, and are not run
};

/// Reads the sections of a WebAssembly binary (version 1 with SIMD, bulk memory and reference types) and says whether
/// it may be admitted, as far as that can be seen without its code: function bodies are validated by the engine, in its
/// jail. Strict: a section that is out of order, twice there, or longer or shorter than what is in it is an error.
/// Source: https://www.w3.org/TR/wasm-core-2/#binary-format
///
/// Errors, all `invalid`, the first that is met; `where` is the section and byte:
/// - "sealed.module.format": no WebAssembly, or another version;
/// - "sealed.module.malformed": cut off, indices that lead nowhere, and the like;
/// - "sealed.module.large": beyond `bounds`; the sentence says which;
/// - "sealed.module.import": imports other than kWasiCalls, or with other signatures; the sentence lists all of them;
/// - "sealed.module.memory": not exactly one of its own, exported as "memory"; shared; of 64 bits;
/// - "sealed.module.start": no function `_start` without parameters and results, or one that runs before it;
/// - "sealed.module.feature": exceptions, shared memory and other things that this trustee does not run.
Result<ModuleReport> read_module(ByteView file, const ModuleBounds& bounds = {});

}  // namespace holdfast::sealed
