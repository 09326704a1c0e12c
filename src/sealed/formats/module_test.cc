#include "sealed/formats/module.h"

#include <gmock/gmock.h>

#include "base/hash.h"

namespace holdfast::sealed {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

Bytes leb(std::size_t value) {
  Bytes out;
  put_varint(out, value);
  return out;
}
Bytes sized(const Bytes& body) { return leb(body.size()) + body; }
Bytes section(int id, const Bytes& body) { return Bytes(1, static_cast<char>(id)) + sized(body); }

/// A module as clang makes them, part by part, so that each test changes one.
struct Parts {
  Bytes type = section(1, "\x03"s + "\x60\x00\x00"s + "\x60\x04\x7f\x7f\x7f\x7f\x01\x7f"s + "\x60\x01\x7f\x00"s);
  Bytes import = section(2, "\x01"s + sized("wasi_snapshot_preview1") + sized("fd_write") + "\x00\x01"s);
  Bytes function = section(3, "\x01\x00"s);
  Bytes table = section(4, "\x01\x70\x01\x02\x02"s);
  Bytes memory = section(5, "\x01\x00\x02"s);
  Bytes global = section(6, "\x01\x7f\x01\x41\x80\x08\x0b"s);
  Bytes exports = section(7, "\x02"s + sized("memory") + "\x02\x00"s + sized("_start") + "\x00\x01"s);
  Bytes start;
  Bytes element = section(9, "\x01\x00\x41\x01\x0b\x01\x01"s);
  Bytes code = section(10, "\x01\x02\x00\x0b"s);
  Bytes data = section(11, "\x01\x00\x41\x80\x08\x0b\x03zip"s);
  Bytes more;
  Bytes file() const {
    return "\0asm\1\0\0\0"s + type + import + function + table + memory + global + exports + start + element + code +
           data + more;
  }
};

std::string slug_of(const Bytes& file, const ModuleBounds& bounds = {}) {
  const auto report = read_module(file, bounds);
  return report ? "admitted" : std::string(report.error().slug);
}

TEST(Module, ReportsWhatIsInIt) {
  Parts parts;
  parts.more = section(0, sized("producers") + "anything");
  const auto report = read_module(parts.file());
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->hash, sha256(parts.file()));
  ASSERT_EQ(report->imports.size(), 1u);
  EXPECT_EQ(report->imports[0].name, "fd_write");
  EXPECT_EQ(report->imports[0].signature, "iiii:i");
  ASSERT_EQ(report->exports.size(), 2u);
  EXPECT_EQ(report->exports[1].name, "_start");
  EXPECT_EQ(report->functions, 1u);
  EXPECT_EQ(report->largest_function_bytes, 2u);
  EXPECT_EQ(report->memory_pages, 2u);
  EXPECT_FALSE(report->memory_pages_max);
  EXPECT_EQ(report->table_elements, 2u);
  EXPECT_EQ(report->data_bytes, 3u);
  EXPECT_THAT(report->custom_sections, testing::ElementsAre("producers"));
}

TEST(Module, ListsAllThatItImportsAndMayNot) {
  Parts parts;
  const auto import = [](const std::string& module, const std::string& name, const Bytes& what) {
    return sized(module) + sized(name) + what;
  };
  parts.import = section(2, "\x05"s + import("wasi_snapshot_preview1", "sock_send", "\x00\x01"s) +
                                import("env", "launch\n", "\x00\x00"s) + import("env", "memory", "\x02\x00\x01"s) +
                                import("wasi_snapshot_preview1", "proc_exit", "\x00\x01"s) +
                                import("wasi_snapshot_preview1", "fd_read", "\x00\x01"s));
  const auto report = read_module(parts.file());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().slug, "sealed.module.import");
  EXPECT_THAT(
      report.error().what,
      HasSubstr("this one imports wasi_snapshot_preview1.sock_send, env.launch?, env.memory, proc_exit as iiii:i "
                "(it is i:)"));
  EXPECT_THAT(report.error().what, testing::Not(HasSubstr("fd_read as")));
}

TEST(Module, IsRefusedByWhatIsWrongWithIt) {
  const auto with = [](auto member, const Bytes& bytes) {
    Parts parts;
    parts.*member = bytes;
    return slug_of(parts.file());
  };
  EXPECT_EQ(slug_of(Parts().file()), "admitted");
  EXPECT_EQ(slug_of(""), "sealed.module.format");
  EXPECT_EQ(slug_of("\0asm\x0d\0\1\0"s), "sealed.module.format");                            // a component
  EXPECT_EQ(with(&Parts::memory, section(5, "\x01\x03\x02\x04"s)), "sealed.module.memory");  // shared
  EXPECT_EQ(with(&Parts::memory, section(5, "\x01\x04\x02"s)), "sealed.module.memory");      // 64 bits
  EXPECT_EQ(with(&Parts::memory, section(5, "\x02\x00\x02\x00\x02"s)), "sealed.module.memory");
  EXPECT_EQ(with(&Parts::memory, section(5, "\x01\x01\x05\x02"s)), "sealed.module.malformed");  // at most 2, at least 5
  EXPECT_EQ(with(&Parts::memory, section(5, "\x01\x00\x81\x80\x04"s)), "sealed.module.malformed");
  EXPECT_EQ(with(&Parts::memory, section(5, "\x01\x00\x81\x20"s)), "sealed.module.large");
  EXPECT_EQ(with(&Parts::table, section(4, "\x01\x70\x00\xff\xff\xff\xff\x0f"s)), "sealed.module.large");
  EXPECT_EQ(with(&Parts::exports, section(7, "\x01"s + sized("memory") + "\x02\x00"s)), "sealed.module.start");
  EXPECT_EQ(with(&Parts::exports, section(7, "\x01"s + sized("_start") + "\x00\x01"s)), "sealed.module.memory");
  EXPECT_EQ(with(&Parts::exports, section(7, "\x02"s + sized("memory") + "\x02\x00"s + sized("_start") + "\x00\x00"s)),
            "sealed.module.start");  // takes parameters
  EXPECT_EQ(with(&Parts::exports, section(7, "\x01"s + sized("_start") + "\x00\x02"s)), "sealed.module.malformed");
  EXPECT_EQ(with(&Parts::exports, section(7, "\x02"s + sized("a") + "\x02\x00"s + sized("a") + "\x02\x00"s)),
            "sealed.module.malformed");
  EXPECT_EQ(with(&Parts::start, section(8, "\x01"s)), "sealed.module.start");
  EXPECT_EQ(with(&Parts::code, ""), "sealed.module.malformed");
  EXPECT_EQ(with(&Parts::function, section(3, "\x01\x07"s)), "sealed.module.malformed");  // a type that is not there
  EXPECT_EQ(with(&Parts::element, section(9, "\x01\x00\x41\x01\x0b\x01\x05"s)), "sealed.module.malformed");
  EXPECT_EQ(with(&Parts::more, section(5, "\x01\x00\x02"s)), "sealed.module.malformed");  // out of order
  EXPECT_EQ(with(&Parts::more, section(13, "\x00"s)), "sealed.module.feature");           // exceptions
  EXPECT_EQ(with(&Parts::more, section(12, "\x09"s)), "sealed.module.malformed");
  EXPECT_EQ(with(&Parts::type, section(1, "\xff\xff\xff\xff\x0f"s)), "sealed.module.malformed");  // says it is long
}

TEST(Module, BoundsHold) {
  const Bytes file = Parts().file();
  ModuleBounds bounds;
  bounds.file_bytes_max = file.size() - 1;
  EXPECT_EQ(slug_of(file, bounds), "sealed.module.large");
  bounds = {};
  bounds.code_bytes_max = 3;
  EXPECT_EQ(slug_of(file, bounds), "sealed.module.large");
  bounds = {};
  bounds.function_bytes_max = 1;
  EXPECT_EQ(slug_of(file, bounds), "sealed.module.large");
  bounds = {};
  bounds.functions_max = 0;
  EXPECT_EQ(slug_of(file, bounds), "sealed.module.large");
}

TEST(Module, CutOffAnywhereItIsRefused) {
  const Bytes file = Parts().file();
  const std::size_t end = file.size() - Parts().data.size();  // without its data it is whole again
  for (std::size_t size = 0; size < file.size(); ++size) {
    if (size != end) {
      EXPECT_NE(slug_of(file.substr(0, size)), "admitted") << size;
    }
  }
}

}  // namespace
}  // namespace holdfast::sealed
