#include <gmock/gmock.h>

#include <fstream>

#include "sealed/formats/module.h"

namespace holdfast::sealed {
namespace {

Result<ModuleReport> module(const std::string& name) {
  std::ifstream file(MODULES "/" + name + ".wasm", std::ios::binary);
  EXPECT_TRUE(file) << name;
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  return read_module(bytes);
}

TEST(Modules, TheExamplesAreAdmitted) {
  for (const char* name : {"trainer", "ranker"}) {
    const auto report = module(name);
    ASSERT_TRUE(report) << name << ": " << report.error().text();
    EXPECT_LT(report->size_bytes, 200'000u) << name;
    EXPECT_LT(report->memory_pages, 64u) << name;
    EXPECT_GE(report->imports.size(), 3u) << name;
  }
}

/// What they are up to shows only when they run: that is what the jail is for.
TEST(Modules, MostOfTheHostileOnesAreAdmittedToo) {
  for (const char* name : {"email", "behind", "descriptors", "memory", "spin", "recursion", "flood", "trap"}) {
    const auto report = module(std::string("hostile-") + name);
    EXPECT_TRUE(report) << name << ": " << report.error().text();
  }
}

TEST(Modules, OneThatImportsASocketIsNot) {
  const auto report = module("hostile-socket");
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().slug, "sealed.module.import");
  EXPECT_THAT(report.error().what, testing::EndsWith("this one imports wasi_snapshot_preview1.sock_send"));
}

}  // namespace
}  // namespace holdfast::sealed
