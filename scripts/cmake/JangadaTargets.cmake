# How this project makes its targets: warnings as errors for our code, sanitizers by option, a fast linker
# and ccache where they are present.

option(JANGADA_ASAN "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(JANGADA_TSAN "Build with ThreadSanitizer" OFF)
option(JANGADA_FUZZ "Build for libFuzzer, with clang: tests/fuzz and what it links" OFF)
option(JANGADA_COVERAGE "Count which lines of JANGADA_COVERED are reached" OFF)

# What the simulator is to reach (scripts/sim.sh --coverage), and the simulator, which brings inline functions to life.
set(JANGADA_COVERED jangada_raft jangada_replica jangada_partition jangada_controller jangada_runtime jangada_sim)

find_program(JANGADA_CCACHE ccache)
if(JANGADA_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_SOURCE_DIR}/scripts/lib/compile.sh)
endif()
find_program(JANGADA_MOLD mold)
if(JANGADA_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(jangada_options INTERFACE)
target_compile_options(jangada_options INTERFACE
  -Wall -Wextra -Wpedantic -Wno-unused-parameter
  -Wno-missing-field-initializers -g1)
if(NOT JANGADA_FUZZ)  # its compiler warns of other things than the one that we build with
  target_compile_options(jangada_options INTERFACE -Werror)
endif()
target_include_directories(jangada_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
# How much longer a test may take than jangada_test says: one place for all of them.
set(JANGADA_TIMEOUT_FACTOR 1)
if(JANGADA_ASAN OR JANGADA_TSAN)
  set(JANGADA_TIMEOUT_FACTOR 5)
  # GCC's flow analysis goes astray in instrumented code: false alarms in moves of std::variant.
  # -O1: compiles a third faster than -O2, and the checks, not the code, are what takes the time.
  add_compile_options(-Wno-maybe-uninitialized -O1)
endif()
if(JANGADA_ASAN)
  add_compile_options(-fsanitize=address,undefined,float-cast-overflow,float-divide-by-zero -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(JANGADA_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL Clang)
    message(FATAL_ERROR "libFuzzer is a part of clang: configure with -DCMAKE_CXX_COMPILER=clang++-14, as scripts/fuzz.sh does.")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1)
  add_link_options(-fsanitize=address,undefined)
endif()
if(JANGADA_TSAN)
  # Asio's fences are unknown to the sanitizer; what they order is also ordered by its mutexes.
  # Protobuf's headers lay out maps otherwise under the sanitizer than Debian's library does.
  add_compile_options(-fsanitize=thread -Wno-tsan -U__SANITIZE_THREAD__)
  add_link_options(-fsanitize=thread)
endif()

if(JANGADA_COVERAGE)
  add_link_options(--coverage)
endif()

find_package(Threads REQUIRED)
find_package(GTest REQUIRED)

# jangada_library(NAME SOURCES... PUBLIC libs... PRIVATE libs...): a static library of ours. Third parties
# are linked PRIVATE, so that their headers stay behind the walls that ARCHITECTURE.md names.
function(jangada_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE jangada_options ${ARG_PRIVATE})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
  if(JANGADA_COVERAGE AND name IN_LIST JANGADA_COVERED)
    target_compile_options(${name} PRIVATE --coverage)
  endif()
endfunction()

# jangada_test(NAME SOURCES... LIBS libs... [TIMEOUT s] [LABELS ...]): one gtest executable, one ctest entry.
# No SKIP_REGULAR_EXPRESSION: with it ctest counts a program that skipped one test as skipped even when
# another of its tests failed. scripts/lib/test_report.py finds the skips in GoogleTest's own report.
function(jangada_test name)
  cmake_parse_arguments(ARG "SERIAL" "TIMEOUT" "SOURCES;LIBS;LABELS;ENVIRONMENT" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE jangada_options ${ARG_LIBS} GTest::gmock GTest::gtest_main Threads::Threads)
  add_test(NAME ${name} COMMAND ${name})
  math(EXPR timeout "${ARG_TIMEOUT} * ${JANGADA_TIMEOUT_FACTOR}")
  set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout})
  set_property(GLOBAL APPEND PROPERTY JANGADA_TESTS ${name})
  if(ARG_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}")
  endif()
  if(ARG_ENVIRONMENT)
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "${ARG_ENVIRONMENT}")
  endif()
  if(ARG_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()

# jangada_links_uninstrumented(TARGET RESULT): does TARGET, through any of our libraries, link gRPC, RocksDB or Abseil?
# Debian builds those without ThreadSanitizer, which then reports races that do not exist.
function(jangada_links_uninstrumented target result)
  set(seen "")
  set(queue ${target})
  while(queue)
    list(POP_FRONT queue next)
    if(next IN_LIST seen)
      continue()
    endif()
    list(APPEND seen ${next})
    if(next MATCHES "gRPC|grpc|rocksdb|RocksDB|ABSL|absl")
      set(${result} TRUE PARENT_SCOPE)
      return()
    endif()
    if(TARGET ${next})
      get_target_property(libraries ${next} INTERFACE_LINK_LIBRARIES)
      get_target_property(kind ${next} TYPE)
      if(NOT kind STREQUAL INTERFACE_LIBRARY)
        get_target_property(own ${next} LINK_LIBRARIES)
        list(APPEND libraries ${own})
      endif()
      list(TRANSFORM libraries REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1")
      list(FILTER libraries EXCLUDE REGEX "NOTFOUND$")
      list(APPEND queue ${libraries})
    endif()
  endwhile()
  set(${result} FALSE PARENT_SCOPE)
endfunction()

# jangada_finish(): called once, after all targets exist. Makes `jangada_tsan`, which builds the tests that
# ThreadSanitizer can judge, and lists them in tsan-tests.txt for scripts/test.sh.
function(jangada_finish)
  add_custom_target(jangada_tsan)
  set(names "")
  get_property(tests GLOBAL PROPERTY JANGADA_TESTS)
  foreach(test IN LISTS tests)
    jangada_links_uninstrumented(${test} uninstrumented)
    if(NOT uninstrumented)
      add_dependencies(jangada_tsan ${test})
      list(APPEND names ${test})
    endif()
  endforeach()
  list(JOIN names "|" names)
  file(WRITE ${CMAKE_BINARY_DIR}/tsan-tests.txt "^(${names})$\n")
endfunction()
