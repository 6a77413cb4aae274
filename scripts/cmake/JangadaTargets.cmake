# How this project makes its targets: warnings as errors for our code, sanitizers by option, a fast linker
# and ccache where they are present.

option(JANGADA_ASAN "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(JANGADA_TSAN "Build with ThreadSanitizer" OFF)

find_program(JANGADA_CCACHE ccache)
if(JANGADA_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${JANGADA_CCACHE})
endif()
find_program(JANGADA_MOLD mold)
if(JANGADA_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(jangada_options INTERFACE)
target_compile_options(jangada_options INTERFACE
  -Wall -Wextra -Wpedantic -Wno-unused-parameter -Werror -g1)
target_include_directories(jangada_options INTERFACE ${CMAKE_SOURCE_DIR})
if(JANGADA_ASAN)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(JANGADA_TSAN)
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
endif()

find_package(Threads REQUIRED)
find_package(GTest REQUIRED)

# jangada_library(NAME SOURCES... PUBLIC libs... PRIVATE libs...): a static library of ours. Third parties
# are linked PRIVATE, so that their headers stay behind the walls that ARCHITECTURE.md names.
function(jangada_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE jangada_options ${ARG_PRIVATE})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()

# jangada_test(NAME SOURCES... LIBS libs... [TIMEOUT s] [LABELS ...]): one gtest executable, one ctest entry.
function(jangada_test name)
  cmake_parse_arguments(ARG "SERIAL" "TIMEOUT" "SOURCES;LIBS;LABELS;ENVIRONMENT" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE jangada_options ${ARG_LIBS} GTest::gmock GTest::gtest_main Threads::Threads)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]")
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
