; Puts a version resource into a program and tells what Windows reads of it, both by Windows' own
; calls, as PyInstaller does the one and Explorer the other.
; makensis -DOUTPUT=version_tool.exe version_tool.nsi
;
; Beside itself it finds resource.bin and program.exe; it writes version.txt, a line for each string
; (NAME=VALUE) and FixedFileInfo, whose words are in hexadecimal. The file is UTF-16.

Unicode true
Target amd64-unicode
SilentInstall silent
RequestExecutionLevel user
Name "version-tool"
OutFile "${OUTPUT}"

!include "LogicLib.nsh"

!define RT_VERSION 16
!define LANGUAGE 1033

Var file
Var block

!macro TELL STRING
    StrCpy $2 ""
    System::Call 'version::VerQueryValueW(p $block, w "\StringFileInfo\040904B0\${STRING}", \
        *p .r1, *i .r3) i .r0'
    ${If} $0 <> 0
        System::Call '*$1(&w${NSIS_MAX_STRLEN} .r2)'
    ${EndIf}
    FileWriteUTF16LE $file "${STRING}=$2$\n"
!macroend

!macro FAIL WHY
    SetErrorLevel ${WHY}
    Quit
!macroend

Section
    FileOpen $0 "$EXEDIR\resource.bin" r
    FileSeek $0 0 END $1
    FileSeek $0 0 SET
    System::Alloc $1
    Pop $2
    System::Call 'kernel32::ReadFile(p r0, p r2, i r1, *i .r3, p 0)'
    FileClose $0

    System::Call 'kernel32::BeginUpdateResourceW(w "$EXEDIR\program.exe", i 0) p .r4'
    System::Call 'kernel32::UpdateResourceW(p r4, p ${RT_VERSION}, p 1, i ${LANGUAGE}, p r2, i r1) \
        i .r5'
    System::Call 'kernel32::EndUpdateResourceW(p r4, i 0) i .r6'
    ${If} $5 = 0
    ${OrIf} $6 = 0
        !insertmacro FAIL 3
    ${EndIf}

    System::Call 'version::GetFileVersionInfoSizeW(w "$EXEDIR\program.exe", *i) i .r1'
    ${If} $1 = 0
        !insertmacro FAIL 4
    ${EndIf}
    System::Alloc $1
    Pop $block
    System::Call 'version::GetFileVersionInfoW(w "$EXEDIR\program.exe", i 0, i r1, p $block) i .r0'
    ${If} $0 = 0
        !insertmacro FAIL 5
    ${EndIf}

    FileOpen $file "$EXEDIR\version.txt" w
    System::Call 'version::VerQueryValueW(p $block, w "\", *p .r1, *i .r3)'
    System::Call '*$1(i, i, i .r4, i .r5, i .r6, i .r7, i, i, i .r8, i .r9)'
    IntFmt $4 "%08X" $4
    IntFmt $5 "%08X" $5
    IntFmt $6 "%08X" $6
    IntFmt $7 "%08X" $7
    IntFmt $8 "%X" $8
    IntFmt $9 "%X" $9
    FileWriteUTF16LE $file "file=$4 $5$\nproduct=$6 $7$\nsystem=$8$\nkind=$9$\n"
    System::Call 'version::VerQueryValueW(p $block, w "\VarFileInfo\Translation", *p .r1, *i .r3)'
    System::Call '*$1(&i2 .r4, &i2 .r5)'
    FileWriteUTF16LE $file "language=$4 $5$\n"
    !insertmacro TELL "CompanyName"
    !insertmacro TELL "FileDescription"
    !insertmacro TELL "FileVersion"
    !insertmacro TELL "InternalName"
    !insertmacro TELL "LegalCopyright"
    !insertmacro TELL "OriginalFilename"
    !insertmacro TELL "ProductName"
    !insertmacro TELL "ProductVersion"
    FileClose $file
SectionEnd
