# Written by tools/make_docs.py.
function __pyvs_complete
    set -lx _PYVS_COMPLETE fish_complete
    set -lx COMP_WORDS (commandline -cp)
    set -lx COMP_CWORD (commandline -t)
    set -l answer (pyvs 2>/dev/null)
    for line in $answer
        set -l parts (string split -m 1 "," $line)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                echo $parts[2]
        end
    end
end
complete --no-files --command pyvs --arguments "(__pyvs_complete)"
