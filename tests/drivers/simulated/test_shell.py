"""The simulated shell says what a real one says; what it cannot read goes to the workload."""

import os
import shlex
import subprocess

import pytest

from batchlab import Workload
from batchlab.core.model import TaskSpec
from batchlab.drivers.simulated.workload import Behavior
from helpers.simulated import add, connect, outcome, task

SAME_AS_SH = """\
echo hi; echo "a  b"   c
echo -n x; echo y
printf 'a\\tb\\n%s-%s\\n' 1 2; printf '%s,' a b c
echo $A "$A" '$A' \\$A "\\$A" "${A}x"
echo $SPACED "$SPACED" x$SPACED.y
B='one two'; echo $B; echo "$B"; C=; echo a${C}b $C "$C"
D=1 printenv D; echo "<$D>"
X=1; printenv X; echo $?; export X; printenv X; export Y=2 Z; printenv Y
true && echo yes || echo no
false && echo yes || echo no
false || false; echo $?
exit 3
echo before; exit 300; echo after
false; exit
set -e; echo one; false; echo two
set -e; false || echo saved; false && echo x; echo two
echo a > f; echo b >> f; cat f; echo c > f; cat < f
echo out; echo err >&2; echo both > f 2>&1; cat f
cat nosuch 2> e || echo $?
cat nosuch > /dev/null 2>&1; echo $?
mkdir d; echo x > d/y; cat d/y; mkdir -p d/e/f; ls d; rm d/y; ls d
mkdir d; cd d; echo x > y; cd ..; cat d/y; test -f d/y && echo file; test -d d && echo folder
[ -e nosuch ]; echo $?; [ "$A" = alpha ] && echo same; [ 2 -lt 10 ] && echo less
test -s nosuch || echo empty; test -z "$NOTHING" && echo nothing; [ ! -e nosuch ] && echo gone
rm -f nosuch; echo $?; touch t; ls t; rm -r t; ls
cp nosuch x 2> /dev/null; echo $?; echo 1 > s; cp s d; cat d; mv d m; ls
sh -c 'echo inner $A; exit 4'; echo $?
/bin/sh -ec 'false; echo never'; echo $?
echo one # two
echo 'a#b' a#b "it's"
exec echo last; echo never
: ; echo "a\\"b" 'c"d'
if test -e f; then echo there; fi; echo $?; if true; then echo yes; else echo no; fi
if false; then echo a; elif [ -e f ]; then echo b; elif true; then echo c; else echo d; fi; echo e
if false; then echo a; elif false; then echo b; else echo d; false; fi; echo $?
set -e; if false; then echo a; fi; if true; then if true; then echo b; fi; fi; false; echo c
false || if true; then exit 3; fi; echo no
echo if then else fi; if [ ! -f f ]; then echo x > f; fi && cat f
echo 'a b' > f; echo ab >> f; grep a f; grep -c b f; grep -q x f || echo no
echo 'a b' > f; echo ab >> f; grep '^ab$' f; grep -v ' ' f
printf 'b 1\\na 2\\n' > f; sort f; sort -r < f; wc -l f; wc -w < f; head -n 1 f; tail -1 f; wc -c f
printf '10\\n9\\n-1\\nx\\n10\\n' | sort -n; printf '10\\n9\\n' | sort -nr
printf 'b\\na\\nb\\n' | sort -u
echo a b c | wc -w; echo a | cat | grep -c a; cat nosuch 2> /dev/null | wc -l; echo $?
false | true && echo yes; true | false || echo no; echo x | exit 3; echo $?; cd / | echo no
A=inner; echo "$A" | cat; echo out | cat > f; cat f; echo err >&2 2>&1 | cat
set -e; false | true; echo went on; true | false; echo never
if echo x | grep -q x; then echo found; fi; wc -w nosuch 2> e; echo $?
echo a | tee f g; cat f g; echo b | tee -a f | cat; cat f; echo c | tee no/such 2> e; echo $?
seq 3; seq 2 4; seq 0 5 10; seq 3 -1 1; seq 3 1; for i in $(seq -1 1); do echo "<$i>"; done
echo 1 | sort nosuch 2> e || echo $?; head nosuch 2> e || echo $?
grep -q x nosuch 2> e || echo $?; echo A > f; grep -i a < f; grep -x b f; grep -F A f
until test -e f; do echo once; touch f; done; while test -e f; do rm f; done; echo $?
while false; do echo no; done; echo $?; until true; do echo no; done && echo after
set -e; until test -e f; do touch f; done; while true; do false; done; echo never
! true; echo $?; ! false && echo yes; if ! test -e f; then echo gone; fi; ! false | true; echo $?
set -e; ! true; ! test -e f; echo went on; while ! test -e f; do touch f; done; echo there
for i in 1 2 "3 4" $SPACED; do echo "<$i>"; done; echo $i; for j in; do echo no; done; echo $?
for i in 1 2 3; do test $i = 2 && break; echo $i; done; echo $? $i; echo for in do done { }
for i in 1 2 3; do test $i = 2 && continue; for j in a b; do echo $i$j; break; done; done
while true; do touch f; test -e f && break; done; echo $?; until false; do break; done; echo left
{ echo a; echo b; }; false || { echo c; false; } && echo no; { exit 5; }; echo never
false || { echo x; exit 7; }
set -e; for i in 1 2; do echo $i; done; for i in 1 2; do false; done; echo never
break; echo on; for i in a; do sh -c 'break; echo inner'; done
while true; do if test -s f; then exit 4; fi; echo x >> f; done; echo no
echo while until do done; until grep -q xx f 2> e; do echo xx > f; until true; do a; done; done
echo $(echo hi) "$(echo 'a  b')" x$(echo 'a  b')y $(echo) "$(echo)"
echo $(printf 'a\\n\\nb\\n\\n')
X=$(echo one; echo two); echo "$X"; echo $X; X=a$(echo b)c$(echo ' d ')e; echo "$X"
echo `echo hi` "`echo 'a  b'`" `echo \\`echo x\\`` "`echo \\"q  r\\"`" `echo '$A' \\$A "\\$A"`
echo $(echo $(echo "$(echo "in  most" $(echo deep))"))
echo "$(echo "a  )b" \\) ')' '(')" "$(echo "`echo x`")"
X=$(false); echo $?; X=$(exit 7); echo $?; $(false); echo $?; false; X=$(:); echo $?
false; X=$(exit); echo $?; false; echo $(true) $?; X=$(false) Y=$(true); echo $?
> f$(false); echo $?
false; X=$( ); echo $?; X=$(false) || echo failed
X=$(false) true; echo $?; export X=$(false); echo $?
set -e; echo $(false; echo never); X=$(echo kept; false); echo never
if X=$(cat nosuch 2>&1); then echo a; else echo "b $?"; fi; test -n "$X" && echo said
echo $(echo a >&2)
L=1; cd /; echo $(cd /tmp; L=2; echo $L; ls nosuch 2> /dev/null; exit 3; echo never) $L; pwd
for i in $(printf '1 2\\n3') "$(printf '1 2\\n3')"; do echo "<$i>"; done
for i in $(:); do echo no; done
for i in 1 2; do echo "$(break; echo never)$i"; X=$(continue; echo no); echo "$X"; done
N=f; echo a > $(echo $N).txt; cat f.txt; cat < "$(echo f.txt)"
echo a > f; cat $(ls) $(echo nosuch) 2> e || echo $?
echo a b | echo "[$(cat)]"
echo a > f; X=$(cat < f | wc -l) && echo $X; X=$(grep -c a f); test $X -eq 1 && echo 1
if [ "$(cat nosuch 2> e)" = "" ]; then echo none; fi
while [ "$(ls)" != f ]; do touch f; done; ls
X=1 Y=$X; echo "$X$Y"; $(echo echo run) it; "$(echo echo)" it
sh -c "echo $(echo \\"x\\") $(echo '$A')"
echo '$(echo a)' \\$A "\\$A" '`echo a`' "\\`" "b$"; echo "it's $(echo 'a"b' "c'd")"
false; for i in 1 2; do echo $?; false; done; echo $?; false; for i in; do a; done; echo $?
until false; do echo $?; break; done
if false; then a; elif echo $?; false; then b; else echo $?; fi
echo $((1 + 2)) "$((7 * 8 - 1))" x$((-7 / 2))y $((-7 % 3)) $(( (1 + 2) * 3 )) $((010 + 1))
i=3; echo $((i + 1)) $(($i * 2)) $((${i} - nosuch)) $((i < 4)) $((i == 4)) $((i != 4)) $((-i))
i=0; while [ $i -lt 3 ]; do i=$((i + 1)); echo $i; done; j='1 + 2'; echo $(($j * 2)) "a $((i))"
echo a > f; echo $(($(wc -l < f) + `echo 4`)) $(($((1 + 1)) * 2)) $(echo $((3 * 3))); echo $?
echo $((9223372036854775807 + 1)) $((4000000000 * 4)); echo $((1 / 0)); echo never
X=$(echo $((1 % 0)); echo never); echo $?; j=a.b; echo $((j + 1)); echo never
j='1 +'; echo $(($j)); echo never
case abc in b*) echo no;; a*) echo yes;; *) echo no;; esac # done
case b in a|b) echo ab; false;; esac; echo $?
case $A in alpha) echo $A;; esac; case "$NOTHING" in "") echo empty; esac
case z in a) echo a;; esac; echo $?
case 'a*' in 'a*') echo quoted;; esac; case ab in 'a*'|a\\*) echo no;; (a?) echo two;; esac
case in in in) echo in; esac
X='a*'; case abc in "$X") echo no;; $X) echo yes;; esac; case $(echo 7) in [0-9]) echo digit;; esac
case x in [!0-9]) echo letter;; esac; case ab in $(echo a)*) echo "in $(echo a)";; esac
false; case a in a) ;; esac; echo $?
for i in 1 2 3; do case $i in 2) continue;; 3) echo three; break;; esac; echo $i; done
false; case a in a) echo $?;; esac
case a in a) if true; then case b in b) echo inner;; esac; fi;; esac && echo then
case a in a) exit 4;; esac; echo never
set -e; case a in b) false;; esac; case a in a) echo esac;; esac
set -e; case a in a) false;; esac; echo never
fallocate -l 2K f; wc -c < nosuch 2> e; ls -1; cp f g; test -s g && echo big; mv g h; ls
echo one &&

echo two
case a in a)# first one &&

echo yes;; esac
X=$(echo a # it's a comment )&&

echo b); echo $X; true &&

echo $X
"""


def real(script, tmp_path):
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "A": "alpha", "SPACED": " x  y "},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, bool(done.stderr)


@pytest.mark.parametrize("script", SAME_AS_SH.replace("&&\n\n", "&&\0").splitlines())
def test_shell_script_it_understands_does_what_sh_does(script, tmp_path):
    script = script.replace("\0", "\n\n")
    result = outcome(
        f"/bin/sh -c {shlex.quote(script)}",
        workload=Workload("1h"),
        environment_settings={"A": "alpha", "SPACED": " x  y "},
    )
    assert (result.code, result.out, bool(result.err)) == real(script, tmp_path)
    assert result.seconds < 1  # nothing was left to the workload


@pytest.mark.parametrize(
    "script",
    [
        "echo a |& cat",
        "echo a | if true; then cat; fi",
        "if true; then echo a; fi | cat",
        "echo a |",
        "wc f",
        "seq 1.5 3",
        "seq 1 0 3",
        "seq -w 3",
        "for i in 1 2; do echo $i; done > f",
        "for i; do echo $i; done",
        "for 1 in a; do echo $i; done",
        "for i in *; do echo $i; done",
        "for i in 1 2; do",
        "for i in 1 2; do done",
        "for i in 1 2; echo $i; done",
        "{ }",
        "{ echo a; } | cat",
        "{ echo a",
        "!",
        "while true; do echo x",
        "until; do echo x; done",
        "while true; do done",
        "while false; do echo x; done > f",
        "echo a | while true; do cat; done",
        "while false; do cat; done | cat",
        "fallocate -l much f",
        "fallocate -p -l 1K f",
        "if true; then echo x",
        "if true; then echo x; fi > f",
        "if true; then fi",
        "if; then echo x; fi",
        "if true; then echo x; else fi",
        "true; then echo x; fi",
        "grep '[ab]*' f",
        "grep -E 'a|b' f",
        "sleep 5 &",
        "echo $(case a in a) echo b;; esac)",
        "case a in a) echo b;;",
        "case a in a) echo b; done",
        "case a in a echo b;; esac",
        "case a; in a) echo b;; esac",
        "case a in [^b]) echo b;; esac",
        "case a in ~) echo b;; esac",
        "case a in ) echo b;; esac",
        "case * in a) echo b;; esac",
        "case in a) echo b;; esac",
        "case a in a) ls *;; esac",
        "case a in a) echo b;; esac > f",
        "echo a;; echo b",
        "echo a)",
        "(echo a)",
        "f()",
        'echo "$(echo ${A:-b})"',
        "echo a; echo `f() { echo a; }`",
        "X=$(echo $(sleep 5 &))",
        "echo a > $(ls *)",
        "for i in $(! ); do echo $i; done",
        "echo $((1 << 2))",
        "echo $((2 * * 3))",
        "echo $((2 ** 3))",
        "echo $((7 // 2))",
        "echo $((1 < 2 < 3))",
        "echo $((i++))",
        "echo $((X = 1))",
        "echo $((1 + 2)",
        "echo $((1) + (2))",
        "echo $(())",
        "echo $((1_0 + 0x))",
        "echo $((f(1)))",
        "echo $((1 if 1 else 2))",
        'echo "$(($(sleep 5 &) + 1))"',
        "echo $( (echo a) )",
        pytest.param("echo $(" * 2000 + "echo a" + ")" * 2000, id="deep"),
        pytest.param(f"echo $(({'-(' * 2000}1{')' * 2000}))", id="deep expression"),
        "echo $(echo a",
        'echo "$(echo a"',
        'echo "$(echo "a)"',
        "echo `echo a",
        "echo $(echo a))",
        "ls *.txt",
        "echo ${A:-b}",
        "f() { echo x; }; f",
        "echo 'open",
        "&& echo",
        "echo $1",
        "cat 3< f",
    ],
)
def test_shell_script_it_does_not_understand_is_left_to_the_workload(script):
    result = outcome(f"/bin/sh -c {shlex.quote(script)}", workload=Workload("7m"))
    assert result == (0, "", "", 420.0, None)


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        ("sleep 30", 30),
        ("/bin/sleep 1.5m 10", 100),
        ("/usr/bin/sleep .5", 0.5),
        ("/bin/sh -c 'sleep 2; sleep 3 && sleep 4'", 9),
        ("sleep soon", 40),
        ("render frame-1 --fast", 40),
        ("/bin/sh -c 'mkdir -p out; render > out/log; sleep 2'", 42),
        ("echo -e x", 40),
        ("/bin/sh -c 'X=$(sleep 5; echo a); echo `sleep 2` $(sleep 1)'", 8),
        ("/bin/sh -c 'for i in $(sleep 2; echo 3 4); do sleep $i; done > /dev/null'", 40),
        ("/bin/sh -c 'echo a > $(sleep 4; echo f)'", 4),
        ("/bin/sh -c 'for i in $(sleep 2; echo 3 4); do sleep $i; done'", 9),
        ("/bin/sh -c 'X=$(render); sleep 1'", 41),
    ],
)
def test_command_takes_its_time(command, seconds):
    result = outcome(command)
    assert (result.code, result.seconds) == (0, seconds)


def test_words_without_a_shell_are_literal():
    assert outcome("echo $AZ_BATCH_TASK_ID > x '$HOME'").out == "$AZ_BATCH_TASK_ID > x $HOME\n"


@pytest.mark.parametrize("word", ["exit 3", "cd /tmp", "export A=1"])
def test_word_of_the_shell_without_a_shell_is_no_program(word):
    assert outcome(word)[0] is None
    assert outcome(word).failure == "CommandProgramNotFound"


def test_program_whose_name_only_begins_like_that_of_functions_is_any_program():
    assert outcome("batchlab-caller x") == outcome("some-program x")
    assert outcome("batchlab-call x").code == 1


def test_command_line_with_open_quotes_is_not_launched():
    result = outcome("echo 'a")
    assert (result.code, result.failure) == (None, "CommandLaunchFailed")


def test_system_variables_are_those_of_the_run():
    script = "echo $AZ_BATCH_TASK_ID $AZ_BATCH_JOB_ID; cd $AZ_BATCH_TASK_DIR; pwd; ls"
    assert outcome(f"/bin/sh -c '{script}'").out == (
        "t j\n/mnt/batch/tasks/workitems/j/job-1/t\ncerts\nstderr.txt\nstdout.txt\nwd\n"
    )


def test_streams_keep_what_was_printed_before_a_wait_and_after():
    assert outcome("/bin/sh -c 'echo a; sleep 9; echo b'").out == "a\nb\n"


def test_script_file_is_interpreted():
    workload = Workload(rules={"make-it": Behavior(duration="1s", files={"go.sh": "echo went\n"})})
    assert outcome("/bin/sh -c 'make-it; sh go.sh'", workload=workload).out == "went\n"


def test_rule_for_a_command_counts_inside_a_script():
    workload = Workload(rules={"render *": Behavior(duration="10m", exit_code=2, stdout="bad\n")})
    result = outcome("/bin/sh -c 'render x > log || cat log'", workload=workload)
    assert result == (0, "bad\n", "", 600.0, None)


def test_substitutions_around_those_already_seen_are_left_to_the_workload_from_some_depth():
    scripts = ["echo $(" * depth + "echo a" + ")" * depth for depth in range(10, 300, 20)]
    results = [outcome(f"/bin/sh -c '{it}'", workload=Workload("7m")) for it in scripts]
    assert [result.code for result in results] == [0] * len(scripts)
    assert results[0].out == "a\n"
    assert results[-1].seconds == 420


def test_substitution_is_what_a_rule_for_its_command_prints():
    workload = Workload(rules={"measure *": Behavior(duration="3s", stdout="4 5\n", exit_code=6)})
    script = "X=$(measure it); echo $? $X; echo then"
    result = outcome(f"/bin/sh -c '{script}'", workload=workload)
    assert result == (0, "6 4 5\nthen\n", "", 3.0, None)


def test_command_that_is_never_launched_ends_a_script_with_127():
    workload = Workload(rules={"nosuch*": Behavior(failure="CommandProgramNotFound")})
    result = outcome("/bin/sh -c 'nosuch --now'", workload=workload)
    assert (result.code, result.failure) == (127, "FailureExitCode")
    assert "CommandProgramNotFound" in result.err


def test_loop_that_takes_no_time_hangs_and_does_not_stop_the_clock():
    connection = connect(boot_s=0)
    add(connection, TaskSpec(id="t", command_line="/bin/sh -c 'while true; do echo x; done'"))
    connection.advance(3600)
    assert task(connection).state == "running"


def test_loop_asks_the_rules_at_each_turn():
    asked = []

    def server(launch):
        asked.append(launch)
        return Behavior(duration="5s", exit_code=int(len(asked) < 3))

    workload = Workload(rules={"ask *": server})
    result = outcome("/bin/sh -c 'until ask it; do sleep 10; done; echo ok'", workload=workload)
    assert (result.code, result.out, result.seconds) == (0, "ok\n", 35)
    assert {(launch.command, launch.run_id.task_id) for launch in asked} == {("ask it", "t")}
    assert [launch.now.second for launch in asked] == [0, 15, 30]
