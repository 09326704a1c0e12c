#include "sealed/formats/module.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/hash.h"
#include "sealed/formats/wasi.h"
#include "sealed/formats/wasm_reader.h"

namespace holdfast::sealed {
namespace {

enum Section : std::uint8_t {
  custom,
  type,
  import,
  function,
  table,
  memory,
  global,
  exports,
  start,
  element,
  code,
  data,
  data_count
};
constexpr std::array<std::string_view, 13> kSectionNames{"custom", "type",   "import",    "function", "table",
                                                         "memory", "global", "export",    "start",    "element",
                                                         "code",   "data",   "data count"};
/// Where each stands in a module; the data count came later, and lies before the code.
constexpr std::array<int, 13> kOrder{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10};

constexpr std::array<std::string_view, 4> kKinds{"function", "table", "memory", "global"};

struct Limits {
  std::uint32_t min = 0;
  std::optional<std::uint32_t> max;
};

class Admission {
 public:
  Admission(ByteView file, const ModuleBounds& bounds) : file_(file), bounds_(bounds) {}

  Result<ModuleReport> read() {
    if (file_.size() > bounds_.file_bytes_max) {
      return large(fmt::format("the file has {} bytes, and {} are allowed", file_.size(), bounds_.file_bytes_max));
    }
    using namespace std::string_view_literals;
    if (file_.substr(0, 8) != "\0asm\1\0\0\0"sv) {
      return holdfast::fail(Code::invalid, "sealed.module.format", "",
                            "not a WebAssembly module of version 1; components and text are none");
    }
    out_.hash = sha256(file_);
    out_.size_bytes = file_.size();
    WasmReader in(file_.substr(8), 8);
    while (in.left() > 0) {
      const std::uint8_t id = in.byte();
      const std::uint32_t size = in.u32();
      const std::size_t at = in.position();
      const ByteView body = in.take(size);
      if (!in.ok()) return malformed("file", at, "a section is cut off");
      HF_CHECK(section(id, body, at));
    }
    if (!in.ok()) return malformed("file", in.position(), "a section is cut off");
    HF_CHECK(whole());
    return std::move(out_);
  }

 private:
  static tl::unexpected<Error> malformed(std::string_view section, std::size_t at, std::string what) {
    return holdfast::fail(Code::invalid, "sealed.module.malformed", fmt::format("section {}, byte {}", section, at),
                          std::move(what));
  }
  static tl::unexpected<Error> large(std::string what) {
    return holdfast::fail(Code::invalid, "sealed.module.large", "", std::move(what));
  }
  static tl::unexpected<Error> feature(std::string what) {
    return holdfast::fail(Code::invalid, "sealed.module.feature", "", std::move(what));
  }

  Result<void> section(std::uint8_t id, ByteView body, std::size_t at) {
    if (id >= kSectionNames.size()) {
      return feature(fmt::format("a section of kind {} at byte {}: exceptions and proposals are not run here", id, at));
    }
    if (id != custom) {
      if (kOrder[id] <= last_) return malformed(kSectionNames[id], at, "the section is out of order or there twice");
      last_ = kOrder[id];
    }
    WasmReader in(body, at);
    HF_CHECK(read_section(static_cast<Section>(id), in));
    if (!in.done()) {
      return malformed(kSectionNames[id], in.position(), "the section is cut off, too long, or holds what none may");
    }
    return {};
  }

  Result<void> read_section(Section id, WasmReader& in) {
    switch (id) {
      case custom:
        out_.custom_sections.emplace_back(in.name().substr(0, 64));
        in.skip(in.left());
        return {};
      case type:
        return read_types(in), Result<void>();
      case import:
        return read_imports(in);
      case function:
        return read_functions(in);
      case table:
        return read_tables(in);
      case memory:
        return read_memories(in);
      case global:
        return read_globals(in), Result<void>();
      case exports:
        return read_exports(in);
      case start:
        return holdfast::fail(Code::invalid, "sealed.module.start",
                              fmt::format("section start, byte {}", in.position()),
                              "a function would run before _start; a command has none");
      case element:
        return read_elements(in), Result<void>();
      case code:
        return read_code(in);
      case data:
        return read_data(in), Result<void>();
      case data_count:
        data_count_ = in.u32();
        return {};
    }
    return {};
  }

  static char letter(WasmReader& in) {
    switch (in.byte()) {
      case 0x7f:
        return 'i';
      case 0x7e:
        return 'I';
      case 0x7d:
        return 'f';
      case 0x7c:
        return 'F';
      case 0x7b:
        return 'v';
      case 0x70:
      case 0x6f:
        return 'r';
      default:
        in.fail();
        return '?';
    }
  }

  void read_types(WasmReader& in) {
    for (std::uint32_t left = in.count(3); left > 0 && in.ok(); --left) {
      if (in.byte() != 0x60) in.fail();
      std::string signature;
      for (std::uint32_t n = in.count(); n > 0; --n) signature += letter(in);
      signature += ':';
      for (std::uint32_t n = in.count(); n > 0; --n) signature += letter(in);
      types_.push_back(std::move(signature));
    }
  }

  /// A function of type `index`; its signature is looked up here once and for all.
  void add_function(WasmReader& in, std::uint32_t index) {
    if (index >= types_.size()) return in.fail();
    function_types_.push_back(index);
  }

  static Limits limits(WasmReader& in, std::uint8_t& flags) {
    Limits out;
    flags = in.byte();
    if (flags > 1) return out;
    out.min = in.u32();
    if (flags == 1) {
      out.max = in.u32();
      if (*out.max < out.min) in.fail();
    }
    return out;
  }

  Result<void> read_imports(WasmReader& in) {
    std::string wrong;
    for (std::uint32_t left = in.count(4); left > 0 && in.ok(); --left) {
      ModuleImport next{std::string(in.name()), std::string(in.name()), {}};
      const std::uint8_t kind = in.byte();
      if (!in.ok()) break;
      std::uint8_t flags = 0;
      switch (kind) {
        case 0: {
          const std::uint32_t index = in.u32();
          add_function(in, index);
          if (in.ok()) next.signature = types_[index];
          break;
        }
        case 1:
          in.skip(1), limits(in, flags), next.signature = "table";
          break;
        case 2:
          limits(in, flags), next.signature = "memory";
          break;
        case 3:
          in.skip(2), next.signature = "global";
          break;
        default:
          in.fail();
      }
      if (flags > 1) return feature("an imported memory that is shared or of 64 bits is not run here");
      if (!in.ok()) break;
      const auto call = std::ranges::find(kWasiCalls, next.name, &WasiCall::name);
      if (next.module != kWasiModule || call == kWasiCalls.end()) {
        wrong += fmt::format("{}{}.{}", wrong.empty() ? "" : ", ", printable(next.module), printable(next.name));
      } else if (call->signature != next.signature) {
        wrong += fmt::format("{}{} as {} (it is {})", wrong.empty() ? "" : ", ", call->name, next.signature,
                             call->signature);
      }
      out_.imports.push_back(std::move(next));
    }
    if (!in.ok() || wrong.empty()) return {};
    if (wrong.size() > 2000) wrong = wrong.substr(0, wrong.find(", ", 1900)) + ", and more";
    return holdfast::fail(Code::invalid, "sealed.module.import", "section import",
                          fmt::format("a sealed module may import {} of {} and nothing else; this one imports {}",
                                      calls(), kWasiModule, wrong));
  }

  static std::string printable(std::string_view name) {
    std::string out;
    for (const char c : name.substr(0, 80)) out += c > 0x20 && c < 0x7f ? c : '?';
    return out;
  }
  static std::string calls() {
    std::string out;
    for (const WasiCall& call : kWasiCalls) out.append(out.empty() ? "" : ", ").append(call.name);
    return out;
  }

  Result<void> read_functions(WasmReader& in) {
    const std::uint32_t count = in.count();
    if (count > bounds_.functions_max) {
      return large(fmt::format("{} functions, and {} are allowed", count, bounds_.functions_max));
    }
    for (std::uint32_t left = count; left > 0 && in.ok(); --left) add_function(in, in.u32());
    out_.functions = count;
    return {};
  }

  Result<void> read_tables(WasmReader& in) {
    tables_ = in.count(3);
    for (std::uint32_t left = tables_; left > 0 && in.ok(); --left) {
      if (const std::uint8_t element = in.byte(); element != 0x70 && element != 0x6f) in.fail();
      std::uint8_t flags = 0;
      out_.table_elements += limits(in, flags).min;
      if (flags > 1) return feature("a shared table or one of 64 bits is not run here");
      if (out_.table_elements > bounds_.table_elements_max) {
        return large(
            fmt::format("tables of {} elements, and {} are allowed", out_.table_elements, bounds_.table_elements_max));
      }
    }
    return {};
  }

  Result<void> read_memories(WasmReader& in) {
    memories_ = in.count(2);
    for (std::uint32_t left = memories_; left > 0 && in.ok(); --left) {
      std::uint8_t flags = 0;
      const Limits pages = limits(in, flags);
      if (flags > 1) {
        return holdfast::fail(Code::invalid, "sealed.module.memory", "section memory",
                              flags > 3 ? "a memory of 64 bits is not run here"
                                        : "a shared memory is for threads, and a sealed module has one");
      }
      if (!in.ok() || pages.min > 65'536) return malformed("memory", in.position(), "the limits of the memory");
      if (pages.min > bounds_.memory_pages_max) {
        return large(fmt::format("the module begins with {} pages of 64 KiB, and {} are allowed", pages.min,
                                 bounds_.memory_pages_max));
      }
      out_.memory_pages = pages.min;
      out_.memory_pages_max = pages.max;
    }
    return {};
  }

  void read_globals(WasmReader& in) {
    globals_ = in.count(4);
    for (std::uint32_t left = globals_; left > 0 && in.ok(); --left) {
      letter(in);
      if (in.byte() > 1) in.fail();
      in.skip_constant();
    }
  }

  Result<void> read_exports(WasmReader& in) {
    std::set<std::string_view> names;
    for (std::uint32_t left = in.count(3); left > 0 && in.ok(); --left) {
      const std::string_view name = in.name();
      const std::uint8_t kind = in.byte();
      const std::uint32_t index = in.u32();
      if (!in.ok() || kind >= kKinds.size()) return in.fail(), Result<void>();
      const std::array<std::size_t, 4> there{function_types_.size(), tables_, memories_, globals_};
      if (index >= there[kind]) {
        return malformed("export", in.position(), fmt::format("'{}' leads nowhere", printable(name)));
      }
      if (!names.insert(name).second) {
        return malformed("export", in.position(), fmt::format("'{}' is there twice", printable(name)));
      }
      if (name == "_start") start_ = kind == 0 && types_[function_types_[index]] == ":";
      if (name == "memory" && kind == 2) memory_exported_ = true;
      out_.exports.push_back({std::string(name), kKinds[kind]});
    }
    return {};
  }

  void read_elements(WasmReader& in) {
    for (std::uint32_t left = in.count(2); left > 0 && in.ok(); --left) {
      const std::uint32_t flags = in.u32();
      if (flags > 7) return in.fail();
      const bool active = (flags & 1) == 0, explicit_kind = (flags & 3) != 0, expressions = (flags & 4) != 0;
      if (active && (flags & 2) != 0) in.u32();
      if (active) in.skip_constant();
      if (explicit_kind) in.skip(1);
      for (std::uint32_t n = in.count(); n > 0 && in.ok(); --n) {
        if (expressions) {
          in.skip_constant();
        } else if (in.u32() >= function_types_.size()) {
          in.fail();
        }
      }
    }
  }

  Result<void> read_code(WasmReader& in) {
    out_.code_bytes = in.left();
    if (out_.code_bytes > bounds_.code_bytes_max) {
      return large(fmt::format("{} bytes of code, and {} are allowed", out_.code_bytes, bounds_.code_bytes_max));
    }
    bodies_ = in.count(2);
    for (std::uint32_t left = bodies_; left > 0 && in.ok(); --left) {
      const std::size_t size = in.u32();
      const ByteView body = in.take(size);
      if (!in.ok() || size < 2 || body.back() != 0x0b) return in.fail(), Result<void>();
      out_.largest_function_bytes = std::max(out_.largest_function_bytes, size);
      if (size > bounds_.function_bytes_max) {
        return large(fmt::format("a function of {} bytes, and {} are allowed", size, bounds_.function_bytes_max));
      }
    }
    return {};
  }

  void read_data(WasmReader& in) {
    segments_ = in.count(2);
    for (std::uint32_t left = segments_; left > 0 && in.ok(); --left) {
      const std::uint32_t flags = in.u32();
      if (flags > 2) return in.fail();
      if (flags == 2) in.u32();
      if (flags != 1) in.skip_constant();
      const std::uint32_t size = in.u32();
      in.skip(size);
      if (in.ok()) out_.data_bytes += size;
    }
  }

  /// What only the sections together show.
  Result<void> whole() {
    if (bodies_ != out_.functions) return malformed("code", file_.size(), "not as many bodies as functions");
    if (data_count_ && *data_count_ != segments_) return malformed("data", file_.size(), "not as many as announced");
    const bool imports_memory =
        std::ranges::any_of(out_.imports, [](const ModuleImport& i) { return i.signature == "memory"; });
    if (memories_ != 1 || !memory_exported_ || imports_memory) {
      return holdfast::fail(Code::invalid, "sealed.module.memory", "",
                            "a sealed module has exactly one memory, its own, and exports it as 'memory'");
    }
    if (!start_) {
      return holdfast::fail(
          Code::invalid, "sealed.module.start", "",
          "a sealed module is a WASI command: it exports the function '_start' without parameters and "
          "results; with clang, link it as a program, not with -mexec-model=reactor");
    }
    return {};
  }

  ByteView file_;
  const ModuleBounds& bounds_;
  ModuleReport out_;
  int last_ = 0;
  std::vector<std::string> types_;
  std::vector<std::uint32_t> function_types_;
  std::uint32_t tables_ = 0, memories_ = 0, globals_ = 0, bodies_ = 0, segments_ = 0;
  std::optional<std::uint32_t> data_count_;
  bool start_ = false, memory_exported_ = false;
};

}  // namespace

Result<ModuleReport> read_module(ByteView file, const ModuleBounds& bounds) { return Admission(file, bounds).read(); }

}  // namespace holdfast::sealed
