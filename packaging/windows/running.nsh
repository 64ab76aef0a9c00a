; What runs from the program's folder: found, named, asked to end, before any file is touched.
;
; Windows refuses to replace or delete the file of a program that runs. A server is asked to end by
; its own command line, and a tray has nothing to lose. A host of a pool, on which other machines
; rely, and a command in a terminal are ended by nobody but their owner: Setup says what they are
; and waits for an answer; silent, it gives up with a line in its log. A host is looked for first,
; so that a server is not ended for nothing.
;
; Each function of this file may change $0 to $9.

!define RUNS_CODE 5
; Where a host of a pool writes its process, and where logs are (app/settings/paths.py).
!define HOST_FILE "${DATA}\run\pool.json"
!define LOGS "${DATA}\Logs"

; Ten seconds: a server that was asked has ended by now, one that updates itself is about to.
!define LOOKS_MAX 40
!define LOOK_MILLISECONDS 250
; Four bytes for each process.
!define PROCESSES_BYTES 16384
; Words for more than these would not fit into a string of NSIS, which ends after 1024 characters.
!define NAMED_MAX 6

!define GENERIC_READ 0x80000000
!define SHARE_ALL 7
!define OPEN_EXISTING 3
!define PROCESS_TERMINATE 0x1
!define PROCESS_QUERY_LIMITED_INFORMATION 0x1000

; 1 while Windows would refuse to replace a program of ours.
Var is_held
; 1 where something had to end.
Var was_running
; 1 while a host of a pool runs from the folder; its process, as its file tells it.
Var is_host
Var host_process
; What runs there besides trays: how many, and in words.
Var running_count
Var running_words
; 1: a tray that is found is ended.
Var is_ending_trays
; What became of it, for the log.
Var outcome

!macro RUNNING UN DONE

Function ${UN}write_log
    CreateDirectory "${LOGS}"
    ClearErrors
    FileOpen $9 "${LOGS}\setup.log" a
    ${IfNot} ${Errors}
        FileSeek $9 0 END
        ${GetTime} "" "L" $0 $1 $2 $3 $4 $5 $6
        FileWrite $9 "$2-$1-$0 $4:$5:$6 ${NAME} ${VERSION} $outcome$\r$\n"
        FileClose $9
    ${EndIf}
    ClearErrors
FunctionEnd

; is_held: by the file whose name is on the stack.
Function ${UN}look_at_file
    Pop $0
    ${If} ${FileExists} "$INSTDIR\$0"
        ClearErrors
        FileOpen $1 "$INSTDIR\$0" a
        ${If} ${Errors}
            StrCpy $is_held 1
        ${Else}
            FileClose $1
        ${EndIf}
        ClearErrors
    ${EndIf}
FunctionEnd

; host_process: "" where there is no file. A host that was killed leaves its file behind.
Function ${UN}read_host_file
    StrCpy $host_process ""
    ; FileOpen fails while another one may write, which is as long as the host runs.
    System::Call 'kernel32::CreateFileW(w "${HOST_FILE}", i ${GENERIC_READ}, i ${SHARE_ALL}, p 0, \
        i ${OPEN_EXISTING}, i 0, p 0) p .r0'
    ${If} $0 == -1
        Return
    ${EndIf}
    ClearErrors
    FileRead $0 $1
    FileClose $0
    ${WordFind2X} "$1" '"pid":' "," "E+1" $2
    ${IfNot} ${Errors}
        StrCpy $host_process $2
    ${EndIf}
    ClearErrors
FunctionEnd

; Takes the process whose id is $5 down, where it is ours.
Function ${UN}look_at_process
    System::Call 'kernel32::OpenProcess(i ${PROCESS_QUERY_LIMITED_INFORMATION}, i 0, i r5) p .r6'
    ${If} $6 == 0
        Return
    ${EndIf}
    StrCpy $7 ""
    System::Call 'kernel32::QueryFullProcessImageNameW(p r6, i 0, w .r7, *i ${NSIS_MAX_STRLEN})'
    System::Call 'kernel32::CloseHandle(p r6)'
    ${If} $7 == "$INSTDIR\athanor.exe"
        IntOp $running_count $running_count + 1
        ${If} $5 == $host_process
            StrCpy $is_host 1
            StrCpy $running_words "$running_words, the host of a pool (process $5)"
        ${ElseIf} $running_count <= ${NAMED_MAX}
            StrCpy $running_words "$running_words, athanor.exe (process $5)"
        ${EndIf}
    ${ElseIf} $7 == "$INSTDIR\athanor-desktop.exe"
    ${AndIf} $is_ending_trays == 1
        System::Call 'kernel32::OpenProcess(i ${PROCESS_TERMINATE}, i 0, i r5) p .r6'
        ${If} $6 != 0
            System::Call 'kernel32::TerminateProcess(p r6, i 0)'
            System::Call 'kernel32::CloseHandle(p r6)'
        ${EndIf}
    ${EndIf}
FunctionEnd

Function ${UN}look_for_running
    StrCpy $is_held 0
    StrCpy $is_host 0
    StrCpy $running_words ""
    StrCpy $running_count 0
    Push "athanor.exe"
    Call ${UN}look_at_file
    Push "athanor-desktop.exe"
    Call ${UN}look_at_file
    ${If} $is_held == 0
        Return
    ${EndIf}
    Call ${UN}read_host_file
    System::Alloc ${PROCESSES_BYTES}
    Pop $1
    StrCpy $2 0
    System::Call 'kernel32::K32EnumProcesses(p r1, i ${PROCESSES_BYTES}, *i .r2)'
    StrCpy $3 0
    ${While} $3 < $2
        IntPtrOp $4 $1 + $3
        System::Call '*$4(i .r5)'
        Call ${UN}look_at_process
        IntOp $3 $3 + 4
    ${EndWhile}
    System::Free $1
    ; The first comma and its blank.
    StrCpy $running_words $running_words "" 2
    ${If} $running_count > ${NAMED_MAX}
        StrCpy $running_words "$running_words and others, $running_count in all"
    ${EndIf}
FunctionEnd

; Says what runs. Silent, that is all; else the user may end it, and it returns to look again.
Function ${UN}refuse
    ${If} $running_words == ""
        StrCpy $running_words "another program has its files open"
    ${EndIf}
    StrCpy $outcome "was not ${DONE}, since this runs: $running_words"
    Call ${UN}write_log
    SetErrorLevel ${RUNS_CODE}
    ${If} ${Silent}
        Quit
    ${EndIf}
    ${If} $is_host == 1
        StrCpy $0 "Other machines may rely on the host. To end it, press Ctrl-C in its terminal, \
or run this in another one:$\n$\n$\"$INSTDIR\athanor.exe$\" pool stop"
    ${Else}
        StrCpy $0 "Leave it in its terminal, or end it in the Task Manager by its number."
    ${EndIf}
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "${NAME} cannot be ${DONE} while this runs: \
$running_words.$\n$\n$0$\n$\nThen try again. No file was changed yet." IDRETRY again
    Quit
    again:
    SetErrorLevel 0
FunctionEnd

; Returns when nothing runs from this folder.
Function ${UN}end_running
    StrCpy $was_running 0
    StrCpy $is_ending_trays 0
    look_again:
    Call ${UN}look_for_running
    ${If} $is_held == 0
        Return
    ${EndIf}
    ${If} $is_host == 1
        Call ${UN}refuse
        Goto look_again
    ${EndIf}
    StrCpy $was_running 1
    DetailPrint "Asking ${NAME} to end; answers under way may finish"
    nsExec::Exec '"$INSTDIR\athanor.exe" stop --force'
    Pop $0
    DetailPrint "athanor stop: $0"
    StrCpy $8 0
    ${While} $8 < ${LOOKS_MAX}
        Call ${UN}look_for_running
        ${If} $is_held == 0
            Return
        ${EndIf}
        ; A tray is ended last: it stays where Setup gives up.
        ${If} $running_count == 0
            StrCpy $is_ending_trays 1
            Call ${UN}look_for_running
            StrCpy $is_ending_trays 0
        ${EndIf}
        Sleep ${LOOK_MILLISECONDS}
        IntOp $8 $8 + 1
    ${EndWhile}
    Call ${UN}refuse
    Goto look_again
FunctionEnd

!macroend
