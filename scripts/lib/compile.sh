#!/bin/sh
# Compiles through ccache: compile.sh COMPILER ARGUMENT...
#
# An old precompiled header goes first. GCC would read it instead of the text that it was made of, so that ccache
# took the old one for all that the new one depends on, and gave back a new one of somebody else's text.
is_output=false
for word in "$@"; do
  case "$is_output$word" in true*.gch) rm -f "$word" ;; esac
  if [ "$word" = -o ]; then is_output=true; else is_output=false; fi
done
exec ccache "$@"
